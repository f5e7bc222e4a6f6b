import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../sqlite-kill/seeded-random.ts";
import { HeldKeys } from "./held-keys.ts";

function held(modRevision: number): {
  readonly modRevision: number;
  readonly createRevision: number;
  readonly sizeBytes: number | undefined;
} {
  return { modRevision, createRevision: modRevision - 1, sizeBytes: modRevision % 3 === 0 ? undefined : modRevision };
}

test("an index has what was set and not deleted since, by rising bytes", () => {
  const seed = Math.floor(Math.random() * 0x7fffffff);
  const random = seededRandom(seed);
  const chosen = (many: readonly string[]): string => many[Math.floor(random() * many.length)] ?? "";
  // Keys of every relation: prefixes of one another, long common parts, beyond ASCII.
  const starts = ["", "/a/", "/a/bc", "/b/", "/é", "/\u{1f600}", "/registry/pods/default/web-6d4b75cb6d-"];
  const someKey = (): string =>
    chosen(starts) +
    Array.from({ length: random() * 6 }, () => chosen(["a", "b", "é", "-"])).join("") +
    chosen(["", long]);
  for (let round = 0; round < 20; round += 1) {
    const index = new HeldKeys();
    const model = new Map<string, number>();
    for (let at = 0; at < 600; at += 1) {
      // It grows, and shrinks.
      const isSet = random() < (at < 300 ? 0.7 : 0.2);
      const key = isSet || random() < 0.1 ? someKey() : chosen([...model.keys()]);
      if (isSet) model.set(key, at);
      else model.delete(key);
      if (isSet) index.set(Buffer.from(key), held(at));
      else index.delete(Buffer.from(key));
      if (at % 20 === 0) compare(index, model, { seed, from: someKey() });
    }
  }
});

const long = "x".repeat(300);

function compare(
  index: HeldKeys,
  model: ReadonlyMap<string, number>,
  { seed, from }: { readonly seed: number; readonly from: string },
): void {
  assert.equal(index.size, model.size, `seed ${seed}`);
  assert.equal(index.get(Buffer.from(from))?.modRevision, model.get(from), `seed ${seed}`);
  for (const [key, at] of model) assert.deepEqual(index.get(Buffer.from(key)), held(at), `seed ${seed}`);
  const rising = [...model.keys()].sort(byBytes).filter((key) => byBytes(key, from) >= 0);
  const found = [...index.from(Buffer.from(from))].map(({ key }) => key);
  assert.deepEqual(found, rising, `seed ${seed}`);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

test("keys of a cluster cost less than 64 bytes each, in whatever order they come, and give their space back", () => {
  const index = new HeldKeys();
  const keyOf = (at: number): Buffer =>
    Buffer.from(`/registry/pods/namespace-${at % 100}/deployment-${at % 1_000}-${(at * 7919) % 100_003}`);
  for (let at = 0; at < 20_000; at += 1) index.set(keyOf((at * 7919) % 20_000), held(at + 1));
  assert.equal(index.size, 20_000);
  assert(index.bytes < 64 * 20_000, `found ${index.bytes} bytes`);
  for (let at = 0; at < 19_990; at += 1) index.delete(keyOf(at));
  assert.deepEqual([index.size, [...index.from(Buffer.from(""))].length], [10, 10]);
  assert(index.bytes < 20_000, `found ${index.bytes} bytes`);
});
