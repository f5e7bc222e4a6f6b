/**
 * The sources and the libraries of kedge, joined by esbuild: a file for main.ts, one for each thread, and one for what a command
 * needs or several share, so that each loads its own part only. Names and lines stay readable; maps lead back to the sources.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { sourcePaths } from "../tidy/sources.ts";
import { root } from "./facts.js";

const esbuild = "node_modules/@esbuild/linux-x64/bin/esbuild";
const outputBytesMax = 16 * 1_048_576;

export interface Joined {
  /** What it was made of, libraries included; below the root. */
  readonly sources: readonly string[];
  /** What came of it, below the root, without maps. */
  readonly files: readonly string[];
}

/** @param folder Below the root, empty but for an earlier try. @throws Error with what esbuild says */
export function joinSources(folder: string): Joined {
  const threads = threadsOf(sourcePaths());
  const note = join(folder, "inputs.json");
  const args = [
    "src/main.ts",
    ...threads,
    "--bundle",
    "--splitting",
    "--format=esm",
    "--platform=node",
    "--target=node26",
    "--entry-names=[name]",
    "--chunk-names=[name]-[hash]",
    `--outdir=${folder}`,
    `--metafile=${note}`,
    "--sourcemap=external",
    "--sources-content=false",
    "--minify-whitespace",
    "--line-limit=120",
    "--legal-comments=none",
    "--log-level=error",
    "--inject:tools/pack/positions.ts",
    "--alias:node:http=./tools/pack/node-http.ts",
    // Libraries that are no modules ask for Node's parts by `require`.
    '--banner:js=import { createRequire as _requireOf } from "node:module"; const require = _requireOf(import.meta.url);',
  ];
  try {
    execFileSync(join(root, esbuild), args, { cwd: root, stdio: "pipe", encoding: "utf8", maxBuffer: outputBytesMax });
  } catch (error) {
    // Without stderr it was not even started.
    const said =
      error instanceof Error && "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : "";
    throw new Error(said === "" ? String(error) : said);
  }
  const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
  for (const thread of threads) nameThread(folder, files, thread);
  // Holds since esbuild writes it so: https://esbuild.github.io/api/#metafile
  const { inputs } = JSON.parse(readFileSync(note, "utf8")) as { readonly inputs: Readonly<Record<string, unknown>> };
  rmSync(note);
  return { sources: Object.keys(inputs), files: files.map((name) => join(relative(root, folder), name)) };
}

/** Files that some source starts as a thread. Bound to this form, so that none is left out of the pack. */
function threadsOf(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    const starts = readFileSync(join(root, path), "utf8").matchAll(
      /new Worker\(\s*new URL\("([^"]+)", import\.meta\.url\)/g,
    );
    return [...starts].map((start) => join(path, "..", start[1] ?? ""));
  });
}

/** Its URL names the file of the pack; as long as before, so that the maps fit. */
function nameThread(folder: string, files: readonly string[], thread: string): void {
  const source = new RegExp(
    `(?<=new URL\\(\\s*"${RegExp.escape(basename(thread, "ts"))})ts(?=",\\s*import\\.meta\\.url)`,
    "g",
  );
  for (const file of files) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    const named = text.replaceAll(source, "js");
    if (named !== text) writeFileSync(path, named);
  }
}
