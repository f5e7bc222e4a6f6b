import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Timer } from "#base/clock.ts";
import { Turns } from "#base/turns.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ConfigMap } from "#resources/core/config-map.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { StoredKind, StoredObject } from "./stored-object.ts";

function large(): StoredObject {
  const kind = new StoredKind(configMaps);
  const metadata = { name: "a", namespace: "default", uid: "u" };
  const data = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, `v${at}`]));
  const object: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
  const entry = { key: kind.storeKey(metadata), value: kind.encode(object), createRevision: 1, modRevision: 1 };
  return new StoredObject(kind, entry, 1);
}

test("decode() reads and freezes a large object in pieces, once for all who ask, and puts it at hand when it is whole", async () => {
  const due: (() => void)[] = [];
  const after = (_: number, callback: () => void): Timer => {
    due.push(callback);
    return { cancel: () => undefined, [Symbol.dispose]: () => undefined };
  };
  let spentMs = 0;
  // Every look at the clock finds that four milliseconds were spent.
  const monotonicMs = (): number => (spentMs += 4);
  const clock: Clock = { nowMs: () => 0, monotonicMs, after, sleep: () => new Promise(() => undefined) };
  const object = large();
  const turns = new Turns(clock);
  const decoding = object.decode(turns);
  assert.equal(object.decode(turns), decoding);
  // Looked at as long as it is at hand: nobody else holds it.
  const seen: KubeObject[] = [];
  void decoding.then(() => object.isDecoded && seen.push(object.object));
  let count = 0;
  for (; seen.length === 0; count += 1) {
    for (const callback of due.splice(0)) callback();
    await new Promise((resolve) => void setImmediate(resolve));
    assert.ok(count < 100, "it is not done after a hundred turns");
  }
  assert.ok(count >= 4, `in ${count} turns`);
  const { metadata, ...rest } = seen[0] ?? assert.fail();
  assert.deepEqual(metadata, { name: "a", namespace: "default", uid: "u", resourceVersion: "1" });
  assert.ok(Object.isFrozen(metadata) && Object.values(rest).every((part) => Object.isFrozen(part)));
});
