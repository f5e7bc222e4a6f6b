import assert from "node:assert/strict";
import { test } from "node:test";
import { configMaps } from "#resources/core/config-map.ts";
import { untyped } from "#machinery/resource.ts";
import { EncodedItems } from "./encoded-items.ts";
import { StoredKind, StoredObject } from "./stored-object.ts";

const kind = new StoredKind(untyped(configMaps));

function objectsOf(count: number, revision = 1): readonly StoredObject[] {
  return Array.from({ length: count }, (_, at) => {
    const key = `/registry/configmaps/default/m${at}`;
    const entry = { key, value: new Uint8Array(2), createRevision: 1, modRevision: revision };
    return new StoredObject(kind, entry, revision);
  });
}

/** How many of a list were made anew. */
function listed(items: EncodedItems, form: string, objects: readonly StoredObject[]): number {
  let made = 0;
  for (const object of objects)
    items.get(object, form, () => {
      made += 1;
      return new Uint8Array(1_000);
    });
  return made;
}

test("of a list that is larger than the room, what came first is kept, list after list", () => {
  const items = new EncodedItems(1_128 * 60);
  const objects = objectsOf(100);
  assert.equal(listed(items, "protobuf", objects), 100);
  assert.equal(listed(items, "protobuf", objects), 40);
  assert.equal(items.sizeBytes, 1_128 * 60);
});

test("a form that is asked for takes the room of those that are not", () => {
  const items = new EncodedItems(1_128 * 100);
  const objects = objectsOf(100);
  listed(items, "protobuf", objects);
  assert.equal(listed(items, "Table", objects), 100);
  assert.equal(listed(items, "Table", objects), 0);
  assert.equal(listed(items, "protobuf", objects.slice(0, 10)), 10);
  assert.equal(listed(items, "protobuf", objects.slice(0, 10)), 0);
  assert.equal(listed(items, "Table", objects), 10);
  assert.ok(items.sizeBytes <= 1_128 * 100);
});

test("a new version of an object takes the place of the old, which is held no longer", () => {
  const items = new EncodedItems(1_128 * 100);
  for (let revision = 1; revision <= 5; revision += 1) {
    const objects = objectsOf(100, revision);
    assert.equal(listed(items, "protobuf", objects), 100);
    assert.equal(listed(items, "protobuf", objects), 0);
    assert.equal(items.sizeBytes, 1_128 * 100);
  }
});

test("bytes that tell ages are made anew when one of them has changed", () => {
  const items = new EncodedItems();
  const [object] = objectsOf(1);
  let made = 0;
  const make = (): { bytes: Uint8Array; holdsUntilMs: number } => ({
    bytes: new Uint8Array((made += 1)),
    holdsUntilMs: 10,
  });
  assert.ok(object);
  for (const [nowMs, length] of [
    [1, 1],
    [9, 1],
    [10, 2],
  ] as const)
    assert.equal(items.getDated(object, "Table", { nowMs, make }).length, length);
});
