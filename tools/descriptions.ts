/**
 * Collects the words of `kubectl explain` from the doc comments of @kubernetes/client-node, a development dependency,
 * into one compressed file: `tools/node.sh tools/descriptions.ts` writes .kedge/descriptions.json.gz, or the file named
 * as its argument. They stay that package's words (Apache-2.0, The Kubernetes Authors) and out of the repository;
 * without the file `explain` shows types only.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const root = join(import.meta.dirname, "..");
const models = join(root, "node_modules/@kubernetes/client-node/dist/gen/models");

/** Words of one model by field; "" is the model itself. */
function wordsOf(text: string): Record<string, string> {
  const words: Record<string, string> = {};
  // A comment, then the class or the field it is about.
  const pattern = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export declare class (\w+)|'([^']+)'\??:)/g;
  for (const [, comment = "", , field = ""] of text.matchAll(pattern)) {
    const plain = comment
      .replaceAll(/^\s*\* ?/gm, "")
      .replaceAll(/\s+/g, " ")
      .replaceAll(/\\(["'])/g, "$1")
      .trim();
    if (plain !== "" && !plain.startsWith("Kubernetes No description")) words[field] = plain;
  }
  return words;
}

const all: Record<string, Record<string, string>> = {};
for (const file of readdirSync(models).filter((name) => name.endsWith(".d.ts"))) {
  const words = wordsOf(readFileSync(join(models, file), "utf8"));
  if (Object.keys(words).length > 0) all[file.slice(0, -".d.ts".length)] = words;
}
const target = process.argv[2] ?? join(root, ".kedge/descriptions.json.gz");
mkdirSync(dirname(target), { recursive: true });
const compressed = gzipSync(JSON.stringify(all), { level: 9 });
writeFileSync(target, compressed);
console.log(`${Object.keys(all).length} types, ${compressed.length} bytes: ${target}`);
