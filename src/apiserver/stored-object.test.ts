import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Timer } from "#base/clock.ts";
import { Turns } from "#base/turns.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { StoredKind, StoredObject } from "./stored-object.ts";

test("decode() reads a large object in one turn of the event loop and freezes it in the next", async () => {
  const due: (() => void)[] = [];
  const after = (_: number, callback: () => void): Timer => {
    due.push(callback);
    return { cancel: () => undefined, [Symbol.dispose]: () => undefined };
  };
  const clock: Clock = { nowMs: () => 0, monotonicMs: () => 0, after, sleep: () => new Promise(() => undefined) };
  const kind = new StoredKind(configMaps);
  const metadata = { name: "a", namespace: "default", uid: "u" };
  const value = kind.encode({ apiVersion: "v1", kind: "ConfigMap", metadata });
  const key = kind.storeKey(metadata);
  const object = new StoredObject(kind, { key, value, createRevision: 1, modRevision: 1 }, 1);
  const decoding = object.decode(new Turns(clock));
  const seen: boolean[] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    seen.push(object.isDecoded);
    for (const callback of due.splice(0)) callback();
    await Promise.resolve();
    await Promise.resolve();
  }
  await decoding;
  assert.deepEqual(seen, [false, false]);
  assert.ok(object.isDecoded && Object.isFrozen(object.object));
});
