/**
 * Numbers in patches as they were written. A merge patch and a JSON patch make a new JSON text, which is then decoded: an
 * integer that was written as `1.0` or `1e3` is refused there, as in an object that is sent whole. Strategic and applied
 * patches are read into numbers first, and what is whole is taken, as upstream has it.
 */
import { decode } from "#machinery/decode.ts";
import { isList, isObject, setMember, type JsonDraft } from "#machinery/json-object.ts";
import type { Literals } from "#machinery/json-reader.ts";
import type { JsonValue, ObjectShape } from "#machinery/shape.ts";
import { StatusError } from "#machinery/status.ts";

export interface WrittenPatch {
  readonly type: "json" | "merge" | "strategic";
  readonly patch: JsonValue;
  readonly literals?: Literals | undefined;
}

/** The sentence about a number that its field cannot take as it was written; undefined when there is none. */
export function refusedLiteral(shape: ObjectShape, { type, patch, literals }: WrittenPatch): string | undefined {
  if (!literals || type === "strategic") return undefined;
  if (type === "merge") return refusedIn(shape, patch, literals);
  if (!isList(patch)) return undefined;
  for (const operation of patch) {
    const part = partOf(operation, literals);
    const found = part === undefined ? undefined : refusedIn(shape, part, literals);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a JSON patch writes, as the part of the object that leads to it. */
function partOf(operation: JsonValue, literals: Literals): JsonValue | undefined {
  if (!isObject(operation) || typeof operation["path"] !== "string" || operation["value"] === undefined)
    return undefined;
  if (operation["op"] !== "add" && operation["op"] !== "replace") return undefined;
  const names = operation["path"].split("/").slice(1);
  let value: JsonValue = operation["value"];
  // Of the value itself only its holder knows how it was written.
  let text = literals.of(operation, "value");
  for (const name of names.toReversed()) {
    const isItem = name === "-" || /^-?\d+$/.test(name);
    const holder: JsonDraft | JsonValue[] = isItem ? [value] : {};
    const key = name.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!Array.isArray(holder)) setMember(holder, key, value);
    if (text !== undefined) literals.note({ holder, key: isItem ? 0 : key }, text);
    text = undefined;
    // Holds because a draft that is complete is JSON.
    value = holder as JsonValue;
  }
  return value;
}

function refusedIn(shape: ObjectShape, part: JsonValue, literals: Literals): string | undefined {
  try {
    decode(shape, part, literals);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    // Whatever else is wrong with a part may be right in the whole.
    if (error.message.includes("cannot unmarshal number")) return error.message;
  }
  return undefined;
}
