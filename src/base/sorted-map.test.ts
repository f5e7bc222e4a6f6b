import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { SortedMap, type SortedView } from "./sorted-map.ts";

const key = fc.integer({ min: 0, max: 400 }).map((number) => `k${String(number).padStart(4, "0")}`);
const step = fc.oneof(
  fc.record({ do: fc.constant("set" as const), key, value: fc.nat() }),
  fc.record({ do: fc.constant("delete" as const), key }),
  fc.record({ do: fc.constant("snapshot" as const) }),
  // Whole stretches, so that nodes are split and joined.
  fc.record({ do: fc.constant("fill" as const), from: fc.nat(400), count: fc.nat(200), rising: fc.boolean() }),
  fc.record({ do: fc.constant("empty" as const), from: fc.nat(400), count: fc.nat(200) }),
);

type Model = Map<string, number>;

function keysOf(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `k${String(from + at).padStart(4, "0")}`);
}

function apply(map: SortedMap<number>, model: Model, taken: typeof step extends fc.Arbitrary<infer T> ? T : never) {
  if (taken.do === "set") {
    assert.equal(map.set(taken.key, taken.value), model.get(taken.key));
    model.set(taken.key, taken.value);
  }
  if (taken.do === "delete") {
    assert.equal(map.delete(taken.key), model.get(taken.key));
    model.delete(taken.key);
  }
  if (taken.do === "fill") {
    const keys = keysOf(taken.from, taken.count);
    for (const [at, each] of (taken.rising ? keys : keys.toReversed()).entries()) {
      map.set(each, at);
      model.set(each, at);
    }
  }
  if (taken.do === "empty")
    for (const each of keysOf(taken.from, taken.count)) {
      map.delete(each);
      model.delete(each);
    }
}

function sorted(model: Model): [string, number][] {
  return [...model].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

function assertSame(view: SortedView<number>, model: Model): void {
  const all = sorted(model);
  assert.equal(view.size, all.length);
  assert.deepEqual(
    view.values(),
    all.map(([, value]) => value),
  );
  for (const [each, value] of all) assert.equal(view.get(each), value, each);
  for (const [from, to] of [
    ["", "l"],
    ["k0100", "k0200"],
    ["k0150", "k0150"],
    ["k0300", "k0100"],
    ["k0399", "k9999"],
  ] as const) {
    const within = all.filter(([each]) => each >= from && each < to).map(([, value]) => value);
    assert.deepEqual([...view.range(from, to)], within);
    assert.equal(view.count(from, to), within.length);
  }
}

describe("a sorted map", () => {
  it("is at every moment what a plain map says, and its snapshots stay what they were", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const map = new SortedMap<number>();
        const model: Model = new Map();
        const snapshots: { view: SortedView<number>; model: Model }[] = [];
        for (const taken of steps) {
          if (taken.do === "snapshot") snapshots.push({ view: map.snapshot(), model: new Map(model) });
          else apply(map, model, taken);
        }
        assertSame(map, model);
        for (const [each, value] of model) assert.equal(map.get(each), value);
        for (const snapshot of snapshots) assertSame(snapshot.view, snapshot.model);
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it("finds nothing below its first key and above its last one", () => {
    const map = new SortedMap<number>();
    for (const [at, each] of keysOf(100, 300).entries()) map.set(each, at);
    assert.equal(map.get("k0099"), undefined);
    assert.equal(map.get("a"), undefined);
    assert.equal(map.get("z"), undefined);
    assert.equal(map.delete("a"), undefined);
    assert.equal(map.size, 300);
  });

  it("finds every key, also where a first child went and others came before what was behind it", () => {
    const map = new SortedMap<number>();
    for (const each of keysOf(1_000, 400)) map.set(each, 1);
    // Of the leftmost nodes nothing is left.
    for (const each of keysOf(1_000, 200)) map.delete(each);
    const before = keysOf(0, 400);
    for (const each of before.toReversed()) map.set(each, 2);
    assert.deepEqual(
      before.filter((each) => map.get(each) !== 2),
      [],
    );
    for (const each of before) assert.equal(map.set(each, 3), 2);
    assert.equal(map.size, 600);
    for (const each of before) assert.equal(map.delete(each), 3);
    assert.equal(map.size, 200);
  });

  it("is what a plain map says with many levels of nodes, however keys come and go", () => {
    const map = new SortedMap<number>();
    const model: Model = new Map();
    // The same numbers each time: Park and Miller's.
    let random = 20_261_122;
    const upTo = (most: number): number => (random = (random * 48_271) % 2_147_483_647) % most;
    for (let wave = 0; wave < 60; wave += 1) {
      const [from, count, goes] = [upTo(20_000), 500 + upTo(2_000), wave % 3 === 2];
      for (const each of keysOf(from, count)) {
        // Some stay, so that nodes become small and are joined.
        if (upTo(10) === 0) continue;
        if (goes) assert.equal(map.delete(each), model.get(each));
        else assert.equal(map.set(each, wave), model.get(each));
        if (goes) model.delete(each);
        else model.set(each, wave);
      }
      if (wave % 7 === 0) map.snapshot();
    }
    assertSame(map, model);
  });
});
