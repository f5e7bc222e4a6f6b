/**
 * Collects the words of `kubectl explain` from the doc comments of @kubernetes/client-node into one compressed file:
 * `tools/node.sh tools/descriptions.ts` writes .kedge/descriptions.json.gz, or the file named as its argument. They stay
 * that package's words (Apache-2.0, The Kubernetes Authors) and out of the repository; without the file `explain` shows
 * types only. Who has the development dependencies has the package; for others it is fetched alone, and held against the
 * checksum in package-lock.json.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "../src/host/processes.ts";

const programMs = 900_000;

const root = join(import.meta.dirname, "..");
const name = "@kubernetes/client-node";
const fetchMs = 120_000;

/** The folder of the package, installed or fetched into `scratch`. */
async function packageFolder(scratch: string): Promise<string> {
  const installed = join(root, "node_modules", name);
  if (existsSync(installed)) return installed;
  // npm writes this file.
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
  };
  const locked = packages[`node_modules/${name}`];
  if (!locked) throw new Error(`expected ${name} in package-lock.json, found none`);
  const packed = await run("npm", ["pack", "--silent", "--pack-destination", scratch, `${name}@${locked.version}`], {
    cwd: scratch,
    timeoutMs: fetchMs,
    env: environment(),
  });
  const archive = join(scratch, packed.trim().split("\n").at(-1) ?? "");
  const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (found !== locked.integrity)
    throw new Error(`expected ${name} ${locked.version} with the checksum ${locked.integrity}, found ${found}`);
  await run("tar", ["-xzf", archive, "-C", scratch, "package/dist/gen/models"], { timeoutMs: programMs });
  return join(scratch, "package");
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

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

const target = process.argv[2] ?? join(root, ".kedge/descriptions.json.gz");
mkdirSync(dirname(target), { recursive: true });
const scratch = mkdtempSync(join(dirname(target), ".descriptions-"));
try {
  const models = join(await packageFolder(scratch), "dist/gen/models");
  const all: Record<string, Record<string, string>> = {};
  for (const file of readdirSync(models).filter((one) => one.endsWith(".d.ts"))) {
    const words = wordsOf(readFileSync(join(models, file), "utf8"));
    if (Object.keys(words).length > 0) all[file.slice(0, -".d.ts".length)] = words;
  }
  const compressed = gzipSync(JSON.stringify(all), { level: 9 });
  // Whole or not at all: what has this name is never made again.
  const draft = join(scratch, "descriptions.json.gz");
  writeFileSync(draft, compressed, { flush: true });
  renameSync(draft, target);
  console.log(`${Object.keys(all).length} types, ${compressed.length} bytes: ${target}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
