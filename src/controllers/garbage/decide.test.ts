/** What garbage collection decides, as a table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { untyped } from "#machinery/resource.ts";
import { pods } from "#resources/core/pod.ts";
import { blocking, judge, type OwnerState, type Verdict } from "./decide.ts";
import type { Item } from "./graph.ts";

const item = (uid: string, changes: Partial<Item> = {}): Item => ({
  uid,
  resource: untyped(pods),
  key: { namespace: "default", name: uid },
  owners: [],
  waitsForDependents: false,
  orphansDependents: false,
  deleting: false,
  ...changes,
});

const owner = (uid: string, state: OwnerState, block = true) => ({
  reference: { apiVersion: "v1", kind: "Pod", name: uid, uid, blockOwnerDeletion: block },
  state,
});

const keep: Verdict = { kind: "keep" };
const background: Verdict = { kind: "delete", policy: "Background" };

const cases: readonly (readonly [name: string, got: Verdict, expected: Verdict])[] = [
  ["an object without owners stays", judge(item("a"), [], []), keep],
  ["an object whose owner is there stays", judge(item("a"), [owner("o", "there")], []), keep],
  ["an object that lost its owner goes", judge(item("a"), [owner("o", "gone")], []), background],
  [
    "an object with one owner left forgets the other",
    judge(item("a"), [owner("o", "gone"), owner("p", "there")], []),
    { kind: "disown", uids: ["o"] },
  ],
  ["an object whose owner waits for it goes", judge(item("a"), [owner("o", "waiting")], []), background],
  [
    "an object whose owner waits takes its own dependents first",
    judge(item("a"), [owner("o", "waiting")], [item("b")]),
    { kind: "delete", policy: "Foreground" },
  ],
  ["an object that is going already is let be", judge(item("a", { deleting: true }), [owner("o", "gone")], []), keep],
];

for (const [name, got, expected] of cases) test(name, () => assert.deepEqual(got, expected));

test("only dependents that block their owner's deletion are waited for", () => {
  const blocks = item("b", { owners: [owner("a", "there").reference] });
  const free = item("c", { owners: [owner("a", "there", false).reference] });
  assert.deepEqual(
    blocking(item("a"), (uid) => (uid === "a" ? [blocks, free] : [])),
    [blocks],
  );
});

test("differs from upstream: what names itself as its owner does not wait for itself", () => {
  const itself = item("a", { owners: [owner("a", "there").reference], waitsForDependents: true });
  assert.equal(blocking(itself, () => [itself]).length, 0);
});

test("what waits for its owner in turn is not waited for", () => {
  const next: Readonly<Record<string, string>> = { a: "b", b: "c", c: "a" };
  const members = new Map(
    Object.entries(next).map(([uid, dependent]) => [
      dependent,
      item(dependent, { owners: [owner(uid, "there").reference], waitsForDependents: true }),
    ]),
  );
  const dependentsOf = (uid: string): Item[] => [members.get(next[uid] ?? "") ?? item("?")];
  for (const one of members.values()) assert.deepEqual(blocking(one, dependentsOf), []);
});
