/** Holds every file in src/ to the table in layers.ts. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { areas, effectFiles, effectModules, packages } from "./layers.ts";

const root = join(import.meta.dirname, "../..");

interface SourceFile {
  readonly path: string;
  readonly area: string;
  readonly text: string;
  readonly isTest: boolean;
  readonly imports: readonly string[];
}

function sourceFiles(): SourceFile[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const text = readFileSync(join(root, "src", name), "utf8");
      const found = text.matchAll(/(?<!")(?:from|import|import\()\s*"([^"]+)"/g);
      return {
        path: `src/${name}`,
        area: name.includes("/") ? (name.split("/")[0] ?? "") : "main",
        text,
        isTest: name.endsWith(".test.ts") || name.startsWith("testing/"),
        imports: [...found].map((match) => match[1] ?? ""),
      };
    });
}

const files = sourceFiles();

function report(name: string, problems: readonly string[]): void {
  test(name, () => assert.deepEqual(problems, []));
}

function importProblems(file: SourceFile, specifier: string): string[] {
  const crossArea = /^#([a-z]+)\/(.+)$/.exec(specifier);
  if (crossArea) {
    const [, target = "", inner = ""] = crossArea;
    const allowed =
      file.area === "main" ? ["cli", "distro", "base"] : [...(areas[file.area]?.imports ?? []), file.area];
    const problems: string[] = [];
    if (target === file.area) problems.push(`${file.path}: import "${specifier}" of its own area by relative path`);
    else if (!(file.isTest && (allowed.includes(target) || target === "testing")) && !allowed.includes(target))
      problems.push(`${file.path}: area "${file.area}" may not import "${specifier}"`);
    // resources/ keeps a folder per API group, each file of it public.
    if (inner.includes("/") && target !== "resources")
      problems.push(`${file.path}: "${specifier}" is private to "${target}"`);
    return problems;
  }
  if (specifier.startsWith(".")) {
    const target = relative(root, join(root, dirname(file.path), specifier));
    const targetArea = target.split("/")[1];
    return file.area !== "main" && targetArea !== file.area
      ? [`${file.path}: import "${specifier}" leaves its area; write #area/file.ts`]
      : [];
  }
  if (specifier.startsWith("node:")) return [];
  const name = specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] ?? "");
  if (file.isTest) return [];
  const entry = packages[name];
  if (!entry) return [`${file.path}: package "${name}" is not in the table of tools/tidy/layers.ts`];
  return entry.areas.includes(file.area)
    ? []
    : [`${file.path}: package "${name}" belongs to ${entry.areas.join(", ")}`];
}

report(
  "imports go down only, and only to front files",
  files.flatMap((file) => file.imports.flatMap((specifier) => importProblems(file, specifier))),
);

report(
  "nothing imports a test",
  files.flatMap((file) =>
    file.imports
      .filter((specifier) => specifier.endsWith(".test.ts") || (!file.isTest && specifier.startsWith("#testing/")))
      .map((specifier) => `${file.path}: imports test code "${specifier}"`),
  ),
);

const globalEffects =
  /\b(?:setTimeout|setInterval|setImmediate|Date\.now|Math\.random|performance\.now|new Date\(\)|process\.(?:env|exit|argv|kill|on)\b|fetch)\b\(?/;

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

report(
  "effects only where the table allows them",
  files
    .filter((file) => !file.isTest && !effectFiles.includes(file.path) && areas[file.area]?.effects === false)
    .flatMap((file) => {
      const modules = file.imports
        .filter((specifier) => specifier.startsWith("node:") && effectModules.includes(specifier.slice(5)))
        .map((specifier) => `${file.path}: effect "${specifier}"`);
      const global = globalEffects.exec(withoutComments(file.text));
      return global ? [...modules, `${file.path}: effect "${global[0]}"`] : modules;
    }),
);

const forbiddenNames = /(?:^|[-/])(?:utils?|helpers?|common|manager|types|index)\.ts$/;
report(
  "no file is named after nothing",
  files.filter((file) => forbiddenNames.test(file.path)).map((file) => file.path),
);

report(
  "every file says what it is for at its top",
  files.filter((file) => !file.isTest && !/^(?:#!.*\n)?\s*(?:\/\*\*|\/\/)/.test(file.text)).map((file) => file.path),
);
