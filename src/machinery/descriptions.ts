/**
 * The words about types and fields, from the file that tools/descriptions.ts makes. Types go there by the names of the
 * generated clients: "V1PodSpec", or with the group in front where two groups have the same name.
 */
import { own } from "#base/own.ts";
import type { Descriptions } from "./openapi-schemas.ts";

type Words = Readonly<Record<string, Readonly<Record<string, string>>>>;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** The names a shape may go by, the more exact first. */
function namesOf(type: string): readonly string[] {
  const parts = type.split(".");
  const [group = "", version = "", name = ""] = parts.slice(-3);
  const plain = `${capital(version)}${name}`;
  return [`${capital(group)}${plain}`, plain];
}

/** @param json The file's content, decompressed. */
export function descriptionsFrom(json: string): Descriptions {
  // Holds because our own tool wrote it.
  const words = JSON.parse(json) as Words;
  return {
    find(type, field = ""): string | undefined {
      for (const name of namesOf(type)) if (own(words, name)) return own(own(words, name), field);
      return undefined;
    },
  };
}
