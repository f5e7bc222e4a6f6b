/** The laws every kind keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "#machinery/decode.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { toTable } from "#machinery/table.ts";
import { catalogue } from "./catalogue.ts";

function smallest(definition: ResourceDefinition): KubeObject {
  const { apiVersion, kind } = definition;
  // Holds because decoding by the shape of a kind makes an object of it.
  return decode(definition.shape, { apiVersion, kind, metadata: { name: "a" } }).object as unknown as KubeObject;
}

for (const definition of catalogue) {
  const title = `${definition.kind} of ${definition.apiVersion}`;

  test(`${title}: columns work on the smallest object`, () => {
    const table = toTable(definition, [smallest(definition)], { nowMs: 0, includeObject: "None" });
    assert.equal(table.rows[0]?.cells.length, table.columnDefinitions.length);
    for (const cell of table.rows[0]?.cells ?? []) assert.doesNotMatch(String(cell), /undefined|NaN|\[object/);
  });
}
