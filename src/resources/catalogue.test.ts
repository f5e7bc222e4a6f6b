/** The laws every kind keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyDefaults, decode, type DraftObject } from "#machinery/decode.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { decodeMessage, encodeMessage } from "#machinery/protobuf.ts";
import { fieldsOf, resolved, type JsonValue, type Shape } from "#machinery/shape.ts";
import { Ages } from "#machinery/ages.ts";
import { toTable } from "#machinery/table.ts";
import { catalogue } from "./catalogue.ts";

function smallest(definition: ResourceDefinition): KubeObject {
  const { apiVersion, kind } = definition;
  // Holds because decoding by the shape of a kind makes an object of it.
  return decode(definition.shape, { apiVersion, kind, metadata: { name: "a" } }).object as unknown as KubeObject;
}

const scalars: Readonly<Record<string, JsonValue>> = {
  string: "x",
  bool: true,
  int32: 1,
  int64: 2,
  double: 1.5,
  bytes: "AA==",
  time: "2024-01-01T00:00:00Z",
  microTime: "2024-01-01T00:00:00.000001Z",
  duration: "1m0s",
  quantity: "1",
  intOrString: "x",
  any: { a: 1 },
  rawExtension: { a: 1 },
  fieldsV1: { a: 1 },
};

/** A value with every field of the shape but apiVersion and kind; a shape inside itself is left out. */
function fullest(shape: Shape, above: readonly Shape[] = []): JsonValue | undefined {
  const known = resolved(shape);
  if (known.kind === "scalar" && known.forms) return {};
  if (known.kind === "scalar") return known.oneOf?.find((value) => value !== "") ?? scalars[known.type];
  if (known.kind === "list") {
    const item = fullest(known.item, above);
    return item === undefined ? undefined : [item];
  }
  if (known.kind === "map") {
    const value = fullest(known.value, above);
    return value === undefined ? undefined : { key: value };
  }
  if (above.includes(known)) return undefined;
  const fields = [...fieldsOf(known)]
    .filter(([, field]) => field.number > 0)
    .map(([name, field]) => [name, fullest(field.shape, [...above, known])] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

function defaulted(definition: ResourceDefinition, object: DraftObject): DraftObject {
  applyDefaults(definition.shape, object);
  definition.defaults?.(object);
  return object;
}

test("no two kinds share a name, and ids tell resources apart", () => {
  const names = catalogue.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  assert.equal(new Set(names).size, names.length);
  const ids = catalogue.map(({ apiVersion, plural }) => `${apiVersion} ${plural}`);
  assert.equal(new Set(ids).size, ids.length);
});

for (const definition of catalogue) {
  const title = `${definition.kind} of ${definition.apiVersion}`;

  test(`${title}: columns work on the smallest object`, () => {
    const table = toTable(definition, [smallest(definition)], { ages: new Ages(0), includeObject: "None" });
    assert.equal(table.rows[0]?.cells.length, table.columnDefinitions.length);
    for (const cell of table.rows[0]?.cells ?? []) assert.doesNotMatch(String(cell), /undefined|NaN|\[object/);
  });

  test(`${title}: defaults filled in twice are filled in once`, () => {
    for (const value of [{ metadata: { name: "a" } }, fullest(definition.shape) ?? {}]) {
      const once = defaulted(definition, decode(definition.shape, value).object);
      const twice = defaulted(definition, structuredClone(once));
      assert.deepEqual(twice, once);
      // What the defaults made is of the shape: decoding it again changes nothing and knows every field.
      const again = decode(definition.shape, JSON.parse(JSON.stringify(once)));
      assert.deepEqual(again.problems, []);
      assert.ok(deepEqual(again.object, once));
    }
  });

  test(`${title}: every field is the same in JSON and in protobuf`, () => {
    const { object, problems } = decode(definition.shape, fullest(definition.shape) ?? {});
    assert.deepEqual(problems, []);
    const decoded = decodeMessage(definition.shape, encodeMessage(definition.shape, object));
    assert.deepEqual(decoded, object);
  });

  test(`${title}: rules answer, whatever they are asked about`, () => {
    const { apiVersion, kind, check, prepare } = definition;
    const full = { ...decode(definition.shape, fullest(definition.shape) ?? {}).object, apiVersion, kind };
    // Holds because decoding by the shape of a kind makes an object of it.
    const objects = [smallest(definition), full as unknown as KubeObject];
    for (const object of objects)
      for (const old of [undefined, ...objects])
        for (const subresource of ["", "status", "resize", "ephemeralcontainers"]) {
          const draft: DraftObject = structuredClone({ ...object });
          prepare?.(draft, { old, subresource });
          for (const { field, message } of check?.(object, { old, subresource }) ?? [])
            assert.doesNotMatch(`${field}: ${message}`, /undefined|NaN|\[object/);
        }
  });

  const { storedAs } = definition;
  if (storedAs)
    test(`${title}: what is stored comes back the same`, () => {
      const { apiVersion, kind } = definition;
      const full = { ...decode(definition.shape, fullest(definition.shape) ?? {}).object, apiVersion, kind };
      // Holds because decoding by the shape of a kind makes an object of it.
      for (const object of [smallest(definition), full as unknown as KubeObject]) {
        const once = storedAs.fromStored(storedAs.toStored(object));
        assert.deepEqual(storedAs.fromStored(storedAs.toStored(once)), once);
      }
    });
}
