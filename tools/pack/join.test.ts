/** What is joined of kedge's own sources. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { root } from "./facts.js";
import { joinSources } from "./join.ts";

test("every file of the pack is ASCII: V8 keeps any other text in twice the memory", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "kedge-join-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const { sources, files } = joinSources(folder);
  assert(sources.includes("src/main.ts"));
  const names = files.map((file) => basename(file));
  for (const expected of ["main.js", "thread.js"]) assert(names.includes(expected));
  const other = files.filter((file) => !/^[\0-\x7f]*$/.test(readFileSync(join(root, file), "latin1")));
  assert.deepEqual(other, []);
});
