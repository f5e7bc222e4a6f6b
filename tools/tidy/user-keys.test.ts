/** No text that a stranger chose looks up what every object inherits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript-checker";
import { Lookups, lookupsByText } from "./user-keys.ts";
import { root, sourcePaths } from "./sources.ts";

// own() is what all others are held to.
const itself = "src/base/own.ts";

test("members of records are read by own(), Object.hasOwn, a Map, or in a loop over their keys", () => {
  const paths = sourcePaths().filter((path) => path !== itself);
  assert.deepEqual(lookupsByText(root, paths), []);
});

test("the check tells lookups by any text from those by known names, numbers and own keys", () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ["r[text];", true],
    ["r?.[text];", true],
    ["r[`a${text}`];", true],
    ["r[text] ??= 1;", true],
    ["text in r;", true],
    ["const { [text]: found } = r;", true],
    ["(r as any)[text];", true],
    ["r['a'];", false],
    ["r[known];", false],
    ["r[text] = 1;", false],
    ["delete r[text];", false],
    ["for (const key in r) r[key];", false],
    ["for (const key of Object.keys(r)) r[key];", false],
    ["for (const key of Object.keys(other)) r[key];", true],
    ["list[0]; text[0]; bytes[1];", false],
    ["'a' in r;", false],
  ];
  const found = linesFound(rows.map(([line]) => line));
  for (const [index, [line, wrong]] of rows.entries()) assert.equal(found.has(index), wrong, line);
});

/** Which of the lines, each in a block of its own, have a lookup. */
function linesFound(lines: readonly string[]): ReadonlySet<number> {
  const path = "/in-memory.ts";
  const head = `declare const r: Record<string, number>; declare const other: typeof r; declare const text: string; ${known}`;
  const whole = [head, ...lines.map((line) => `{ ${line} }`)].join("\n");
  const file = ts.createSourceFile(path, whole, ts.ScriptTarget.ESNext, true);
  const options = { strict: true, noEmit: true, types: [] };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version) => (name === path ? file : read(name, version));
  const checker = ts.createProgram([path], options, host).getTypeChecker();
  const lineOf = (node: ts.Node): number => file.getLineAndCharacterOfPosition(node.getStart()).line - 1;
  return new Set(new Lookups(file, checker).found.map(({ node }) => lineOf(node)));
}

const known = "declare const known: 'a' | 'b'; declare const list: number[]; declare const bytes: Uint8Array;";
