/**
 * Reads the facts of the Kubernetes API out of the `types.go` files of its public Go packages: names, field numbers,
 * types, list types, merge keys and enumerations. Comments are read for their `+markers` only and never kept.
 */
import { readFileSync } from "node:fs";

export interface GoField {
  /** "" for an inlined struct. */
  readonly jsonName: string;
  readonly goName: string;
  readonly goType: string;
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly inline: boolean;
  readonly number: number;
  readonly protoName: string;
  readonly patchStrategy: string;
  readonly patchMergeKey: string;
  readonly markers: readonly string[];
}

export interface GoStruct {
  readonly name: string;
  readonly fields: readonly GoField[];
  readonly markers: readonly string[];
}

export interface GoPackage {
  readonly structs: ReadonlyMap<string, GoStruct>;
  /** `type X string`, `type Y map[…]…` and the like: name to underlying type. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Values of `+enum` string types. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
}

interface Reading {
  readonly structs: Map<string, GoStruct>;
  readonly aliases: Map<string, string>;
  readonly enumNames: Set<string>;
  readonly constants: Map<string, string[]>;
}

/** @throws Error when a file is not there. */
export function parsePackage(paths: readonly string[]): GoPackage {
  const reading: Reading = { structs: new Map(), aliases: new Map(), enumNames: new Set(), constants: new Map() };
  for (const path of paths) readFile(readFileSync(path, "utf8").split("\n"), reading);
  const enums = [...reading.enumNames].map((name) => [name, reading.constants.get(name) ?? []] as const);
  return { structs: reading.structs, aliases: reading.aliases, enums: new Map(enums) };
}

function readFile(lines: readonly string[], reading: Reading): void {
  let markers: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const marker = /^\s*\/\/\s*(\+.*)$/.exec(line);
    const struct = /^type (\w+) struct ?\{/.exec(line);
    const alias = /^type (\w+) (?!struct|interface)(\S.*?)\s*(?:\/\/.*)?$/.exec(line);
    const constant = /^\s+\w+\s+(\w+)\s*=\s*"([^"]*)"/.exec(line);
    if (marker) markers.push(marker[1] ?? "");
    else if (struct) {
      const name = struct[1] ?? "";
      const end = lines.indexOf("}", at);
      const body = line.trimEnd().endsWith("{}") ? [] : lines.slice(at + 1, end);
      reading.structs.set(name, { name, fields: parseFields(body), markers });
    } else if (alias) {
      reading.aliases.set(alias[1] ?? "", alias[2] ?? "");
      if (markers.some((text) => text.startsWith("+enum"))) reading.enumNames.add(alias[1] ?? "");
    } else if (constant) {
      const type = constant[1] ?? "";
      reading.constants.set(type, [...(reading.constants.get(type) ?? []), constant[2] ?? ""]);
    }
    if (!/^\s*\/\//.test(line) && line.trim() !== "") markers = [];
  }
}

function parseFields(lines: readonly string[]): GoField[] {
  const fields: GoField[] = [];
  let markers: string[] = [];
  for (const line of lines) {
    const marker = /^\s*\/\/\s*(\+.*)$/.exec(line);
    if (marker) markers.push(marker[1] ?? "");
    const found = /^\s+(?:(\w+)\s+)?([*[\]\w.]+)\s+`(.*)`/.exec(line);
    if (found) {
      fields.push(parseField({ goName: found[1] ?? "", goType: found[2] ?? "", tag: found[3] ?? "", markers }));
      markers = [];
    }
  }
  return fields;
}

interface FieldSource {
  readonly goName: string;
  readonly goType: string;
  readonly tag: string;
  readonly markers: readonly string[];
}

function parseField({ goName, goType, tag, markers }: FieldSource): GoField {
  const json = (/json:"([^"]*)"/.exec(tag)?.[1] ?? "").split(",");
  const proto = (/protobuf:"([^"]*)"/.exec(tag)?.[1] ?? "").split(",");
  const pointer = goType.startsWith("*");
  return {
    jsonName: json[0] ?? "",
    goName,
    goType: pointer ? goType.slice(1) : goType,
    pointer,
    omitEmpty: json.includes("omitempty") || json.includes("omitzero"),
    omitZero: json.includes("omitzero"),
    inline: json.includes("inline"),
    number: Number(proto[1] ?? 0),
    protoName: proto.find((part) => part.startsWith("name="))?.slice(5) ?? "",
    patchStrategy: /patchStrategy:"([^"]*)"/.exec(tag)?.[1] ?? "",
    patchMergeKey: /patchMergeKey:"([^"]*)"/.exec(tag)?.[1] ?? "",
    markers,
  };
}
