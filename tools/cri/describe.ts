/**
 * Writes src/host/cri-messages.json from CRI's `api.proto`: names, numbers and types of what runs on Linux, nothing
 * else. By hand, when CRI changes: `sh tools/node.sh tools/cri/describe.ts PATH/api.proto`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageSchema } from "../../src/wire/message.ts";

const target = join(import.meta.dirname, "../../src/host/cri-messages.json");
// Streaming lists and metrics are not called.
// Each event of a pod brings all of its containers along: reading them would take the square of their number. Whoever
// wants to know asks.
const unread = "containers_statuses";
const left = /^Windows|^Stream|Metric|Checkpoint|^(?:Update)?RuntimeConfig|^NetworkConfig|^CDIDevice/;

function describe(proto: string): MessageSchema {
  const text = proto.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  const messages: Record<string, Record<string, string>> = {};
  const enums: Record<string, Record<string, number>> = {};
  for (const block of text.matchAll(/^\s*(message|enum)\s+(\w+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}/gm)) {
    const [, keyword = "", name = "", body = ""] = block;
    if (left.test(name)) continue;
    if (keyword === "enum") enums[name] = valuesOf(body);
    else {
      for (const inner of body.matchAll(/enum\s+(\w+)\s*\{([^}]*)\}/g))
        enums[inner[1] ?? ""] = valuesOf(inner[2] ?? "");
      messages[name] = fieldsOf(body.replaceAll(/enum\s+\w+\s*\{[^}]*\}/g, ""));
    }
  }
  return { messages, enums };
}

function valuesOf(body: string): Record<string, number> {
  return Object.fromEntries([...body.matchAll(/(\w+)\s*=\s*(\d+)/g)].map(([, name, value]) => [name, Number(value)]));
}

/** `label_selector = 3` of `map<string, string>` becomes `labelSelector: "3 string map"`. */
function fieldsOf(body: string): Record<string, string> {
  const fields: Record<string, string> = {};
  const field = /(repeated\s+)?(map<\s*string\s*,\s*(\w+)\s*>|\w+)\s+(\w+)\s*=\s*(\d+)([^;]*);/g;
  for (const [, repeated, type = "", mapped, name = "", number, options = ""] of body.matchAll(field)) {
    if (options.includes("deprecated") || name === unread || left.test(mapped ?? type)) continue;
    const kind = repeated === undefined ? (mapped === undefined ? "" : " map") : " list";
    fields[name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] =
      `${number} ${mapped ?? type}${kind}`;
  }
  return fields;
}

const [source] = process.argv.slice(2);
if (source === undefined) {
  process.stderr.write("expected the path of api.proto, found none\n");
  process.exitCode = 1;
} else writeFileSync(target, `${JSON.stringify(describe(readFileSync(source, "utf8")), undefined, 2)}\n`);
