import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { atOnce } from "#base/turns.ts";
import { applyPatch, asksReset, sameButTimes, trackUpdate, type FieldWrite } from "./apply.ts";
import {
  shownPaths,
  union,
  uniting,
  difference,
  intersecting,
  subtracting,
  without,
  parsedSet,
  setOf,
  type FieldSet,
} from "./apply/field-set.ts";
import { deepEqual } from "./equal.ts";
import { deepFreeze } from "./freeze.ts";
import { objectMeta } from "./meta.ts";
import { any, atomicMap, int32, list, listMap, map, object, of, set, str, string, type JsonObject } from "./shape.ts";
import { StatusError } from "./status.ts";

const port = object("Port", { number: int32(1).always(), protocol: string(2).default("TCP"), name: string(3) });
const container = object("Container", {
  name: string(1).always(),
  image: string(2),
  args: list(3, str),
  ports: listMap(4, ["number", "protocol"], port),
});
const spec = object("Spec", {
  replicas: int32(1),
  selector: atomicMap(2, str),
  containers: listMap(3, ["name"], container).always(),
  names: set(4, str),
  free: any(5),
});
const shape = object("Thing", {
  apiVersion: string(0),
  kind: string(0),
  metadata: of(1, objectMeta).always(),
  spec: of(2, spec).always(),
  status: of(3, object("Status", { phase: string(1), labels: map(2, str) })).always(),
});

const kind = { apiVersion: "apps/v1", kind: "Thing", shape, status: true };
const head = { apiVersion: "apps/v1", kind: "Thing" };
const second = 1_000;

function write(live: JsonObject | undefined, manager: string, nowMs = 0): FieldWrite {
  return { kind, live: live && deepFreeze(live), manager, subresource: "", nowMs };
}

function thing(spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { ...head, metadata: { name: "a", namespace: "default", ...metadata }, spec, status: {} };
}

function apply(live: JsonObject | undefined, manager: string, spec: JsonObject): JsonObject {
  return applied({ ...write(live, manager), force: false }, spec);
}

function forced(live: JsonObject | undefined, manager: string, spec: JsonObject): JsonObject {
  return applied({ ...write(live, manager), force: true }, spec);
}

function applied(write: FieldWrite & { force: boolean }, spec: JsonObject): JsonObject {
  return applyPatch(write, deepFreeze({ ...head, metadata: { name: "a" }, spec }));
}

/** @param by A manager, and when it wrote. */
function update(live: JsonObject | undefined, by: string | [string, number], updated: JsonObject): JsonObject {
  const [manager, nowMs] = typeof by === "string" ? [by, 0] : by;
  return trackUpdate(write(live, manager, nowMs), deepFreeze(updated));
}

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1: FieldSet;
}

function entriesOf(object: JsonObject): readonly Entry[] {
  const { managedFields = [] } = object["metadata"] as { managedFields?: readonly Entry[] };
  return managedFields;
}

/** "manager: path path", one line an entry. */
function owners(object: JsonObject): string[] {
  return entriesOf(object).map(({ manager, fieldsV1 }) => `${manager}: ${shownPaths(fieldsV1).join(" ")}`);
}

const specOf = (object: JsonObject): JsonObject => object["spec"] as JsonObject;
const web = { name: "web", image: "web:1" };

test("a create belongs to its writer, with every object that was not there before", () => {
  const created = update(undefined, "kubectl", thing({ replicas: 1, containers: [web] }, { labels: { app: "web" } }));
  assert.deepEqual(created["metadata"], {
    name: "a",
    namespace: "default",
    labels: { app: "web" },
    managedFields: [
      {
        manager: "kubectl",
        operation: "Update",
        apiVersion: "apps/v1",
        time: "1970-01-01T00:00:00Z",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
          "f:spec": {
            "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {} } },
            "f:replicas": {},
          },
        },
      },
    ],
  });
});

test("an update takes the fields it changes, and only those", () => {
  const created = update(undefined, "one", thing({ replicas: 1, containers: [web] }));
  const scaled = update(created, ["two", 5 * second], { ...created, spec: { replicas: 2, containers: [web] } });
  assert.deepEqual(owners(scaled), [
    'one: .spec.containers[name="web"] .spec.containers[name="web"].image .spec.containers[name="web"].name',
    "two: .spec.replicas",
  ]);
  assert.equal(entriesOf(scaled)[1]?.time, "1970-01-01T00:00:05Z");
  const removed = update(scaled, "one", { ...scaled, spec: { containers: [web] } });
  assert.deepEqual(owners(removed), [owners(scaled)[0]]);
});

test("an update that changes nothing leaves the entries as they are", () => {
  const created = update(undefined, "one", thing({ replicas: 1, containers: [web] }));
  const again = update(created, ["two", second], structuredClone(created));
  assert.equal(entriesOf(again), entriesOf(created));
});

test("status writes are told apart, and neither side comes to own what it cannot write", () => {
  const created = update(undefined, "one", { ...thing({ containers: [] }), status: { phase: "Up" } });
  assert.deepEqual(owners(created), []);
  const live = update(undefined, "one", thing({ replicas: 1, containers: [] }));
  const status = trackUpdate(
    { ...write(live, "kubelet"), subresource: "status" },
    { ...live, spec: { replicas: 9, containers: [] }, status: { phase: "Up" } },
  );
  assert.deepEqual(owners(status), ["kubelet: .status.phase", "one: .spec.replicas"]);
  assert.equal(entriesOf(status)[0]?.subresource, "status");
});

test("empty managedFields forget all managers, and absent ones keep them", () => {
  const live = update(undefined, "one", thing({ replicas: 1, containers: [] }));
  const bare = thing({ replicas: 1, containers: [] });
  assert.deepEqual(owners(update(live, "two", bare)), owners(live));
  assert.equal(asksReset(thing({}, { managedFields: [] })), true);
  assert.equal(asksReset(thing({}, { managedFields: [{}] })), true);
  assert.equal(asksReset(bare), false);
  const reset = trackUpdate({ ...write(live, "two"), reset: true }, bare);
  assert.deepEqual(reset, bare);
  assert.deepEqual(
    update(reset, "two", thing({ replicas: 2, containers: [] })),
    thing({ replicas: 2, containers: [] }),
  );
});

test("entries that a client sends are taken in canonical form, malformed ones are not", () => {
  const live = update(undefined, "one", thing({ containers: [web] }));
  const entry = { ...entriesOf(live)[0], manager: "mine" };
  const sent = { "f:spec": { "f:containers": { 'k:{ "name" : "web" }': { "f:name": {}, ".": {}, "x:": {} } } } };
  const renamed = update(live, "two", thing({ containers: [web] }, { managedFields: [{ ...entry, fieldsV1: sent }] }));
  assert.equal(
    JSON.stringify(entriesOf(renamed)[0]?.fieldsV1),
    '{"f:spec":{"f:containers":{"k:{\\"name\\":\\"web\\"}":{".":{},"f:name":{}}}}}',
  );
  const broken = update(live, "two", thing({ containers: [web] }, { managedFields: [{ ...entry, operation: "X" }] }));
  assert.deepEqual(owners(broken), owners(live));
});

test("the oldest updaters become one", () => {
  let live = update(undefined, "m00", thing({ replicas: 0, containers: [] }, { labels: { l00: "" } }));
  for (let number = 1; number < 12; number += 1) {
    const name = String(number).padStart(2, "0");
    const labels = { ...((live["metadata"] as JsonObject)["labels"] as JsonObject), [`l${name}`]: "" };
    const updated = { ...live, metadata: { ...(live["metadata"] as JsonObject), labels } };
    live = update(live, [`m${name}`, number * second], updated);
  }
  const names = entriesOf(live).map(({ manager }) => manager);
  assert.deepEqual(names, [
    "ancient-changes",
    ...Array.from({ length: 9 }, (_, index) => `m${String(index + 3).padStart(2, "0")}`),
  ]);
  assert.equal(
    owners(live)[0],
    "ancient-changes: .metadata.labels .metadata.labels.l00 .metadata.labels.l01 .metadata.labels.l02 .spec.replicas",
  );
});

test("apply creates, co-owns equal values and refuses other ones", () => {
  const created = apply(undefined, "one", { replicas: 1, containers: [web] });
  assert.deepEqual(specOf(created), { replicas: 1, containers: [web] });
  const both = apply(created, "two", { replicas: 1 });
  assert.deepEqual(owners(both), [
    'one: .spec.replicas .spec.containers[name="web"] .spec.containers[name="web"].image .spec.containers[name="web"].name',
    "two: .spec.replicas",
  ]);
  assert.throws(
    () => apply(both, "three", { replicas: 2 }),
    (error: unknown) => {
      assert(error instanceof StatusError);
      assert.equal(error.code, 409);
      assert.equal(
        error.message,
        'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.replicas\nconflicts with "two":\n- .spec.replicas',
      );
      assert.deepEqual(error.details?.causes?.[0], {
        reason: "FieldManagerConflict",
        message: 'conflict with "one"',
        field: ".spec.replicas",
      });
      return true;
    },
  );
  const taken = forced(both, "three", { replicas: 2 });
  assert.equal(specOf(taken)["replicas"], 2);
  assert.deepEqual(owners(taken).slice(1), ["three: .spec.replicas"]);
});

test("a conflict with an updater names its version", () => {
  const live = update(undefined, "kubectl-client-side-apply", thing({ replicas: 1, containers: [] }));
  assert.throws(() => apply(live, "two", { replicas: 2 }), {
    message: 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
  });
});

test("what is applied no more goes, unless someone else holds it or nobody ever applied it", () => {
  const sidecar = { name: "sidecar", image: "s:1", ports: [{ number: 80 }] };
  const created = apply(undefined, "one", { replicas: 1, names: ["x", "y"], containers: [web, sidecar] });
  const shared = apply(created, "two", { replicas: 1, names: ["y"] });
  // A default nobody applied stands in an item that is released.
  const live = { ...shared, spec: { ...specOf(shared), containers: [web, { ...sidecar, args: ["default"] }] } };
  const released = apply(live, "one", { containers: [web] });
  assert.deepEqual(specOf(released), { replicas: 1, names: ["y"], containers: [web] });
  assert.deepEqual(specOf(apply(released, "one", {})), { replicas: 1, names: ["y"] });
});

test("an applier that claims an empty map keeps it when its last member goes", () => {
  const labelled = (live: JsonObject | undefined, labels: JsonObject): JsonObject =>
    applyPatch({ ...write(live, "one"), force: false }, { ...head, metadata: { name: "a", labels } });
  const live = labelled(labelled(undefined, { x: "1" }), {});
  assert.deepEqual(owners(live), ["one: .metadata.labels"]);
});

test("items of a list map are found by their keys with defaults, and keep their order", () => {
  const created = apply(undefined, "one", {
    containers: [{ ...web, ports: [{ number: 80, name: "a" }] }, { name: "b" }],
  });
  const named = apply(created, "two", {
    containers: [{ name: "c" }, { name: "web", ports: [{ number: 80, protocol: "TCP" }] }],
  });
  assert.deepEqual(specOf(named), {
    containers: [{ name: "c" }, { ...web, ports: [{ number: 80, name: "a", protocol: "TCP" }] }, { name: "b" }],
  });
  assert.match(owners(named)[0] ?? "", /ports\[number=80,protocol="TCP"\]/);
});

test("an object without managers belongs to before-first-apply", () => {
  const live = thing({ replicas: 1, containers: [] });
  assert.throws(
    () => apply(live, "two", { replicas: 2 }),
    /conflict with "before-first-apply" using apps\/v1: .spec.replicas/,
  );
  assert.deepEqual(owners(apply(live, "two", { replicas: 1 })), [
    "two: .spec.replicas",
    "before-first-apply: .spec.replicas",
  ]);
});

test("free JSON has granular objects and atomic lists, maps of selectors are atomic", () => {
  const created = apply(undefined, "one", { free: { a: { b: 1 }, c: [1] }, selector: { x: "1" } });
  assert.deepEqual(owners(created), ["one: .spec.selector .spec.free.a .spec.free.c .spec.free.a.b"]);
  assert.deepEqual(specOf(apply(created, "two", { free: { a: { d: 2 } } })), {
    ...specOf(created),
    free: { a: { b: 1, d: 2 }, c: [1] },
  });
  assert.throws(() => apply(created, "two", { selector: { y: "1" } }), /\.spec\.selector/);
});

test("applied objects that do not fit are refused with upstream's sentences", () => {
  const which = "failed to create typed patch object (/a; apps/v1, Kind=Thing): ";
  const rows: readonly (readonly [JsonObject, string])[] = [
    [{ foo: 1 }, `${which}.spec.foo: field not declared in schema`],
    [{ replicas: "1" }, `${which}.spec.replicas: expected numeric (int or float), got string`],
    [{ containers: {} }, `${which}.spec.containers: expected list, got {}`],
    [{ containers: [web, web] }, `${which}.spec.containers: duplicate entries for key [name="web"]`],
    [{ names: ["a", "a"] }, `${which}.spec.names: duplicate entries for key [="a"]`],
    [
      { containers: [null] },
      `${which}.spec.containers: element 0: associative list with keys may not have a null element`,
    ],
    [
      { replicas: "1", foo: 1 },
      `${which}errors:\n  .spec.replicas: expected numeric (int or float), got string\n  .spec.foo: field not declared in schema`,
    ],
  ];
  for (const [spec, message] of rows) assert.throws(() => apply(undefined, "one", spec), { code: 400, message });
  const applied = { ...head, metadata: { name: "a", managedFields: [] } };
  assert.throws(() => applyPatch({ ...write(undefined, "one"), force: false }, applied), /managedFields must be nil/);
  assert.throws(() => applyPatch({ ...write(undefined, "one"), force: false }, { ...head, kind: "Other" }), {
    message: "invalid object type: apps/v1, Kind=Other",
  });
});

test("kubectl takes over what its client-side apply left, and keeps the annotation up to date", () => {
  const name = "kubectl.kubernetes.io/last-applied-configuration";
  const last = JSON.stringify({ ...head, metadata: { name: "a" }, spec: { replicas: 1 } });
  const live = update(
    undefined,
    "kubectl-client-side-apply",
    thing({ replicas: 1, containers: [] }, { annotations: { [name]: last } }),
  );
  const taken = apply(live, "kubectl", { replicas: 2 });
  assert.equal(specOf(taken)["replicas"], 2);
  const annotations = (taken["metadata"] as { annotations: Record<string, string> }).annotations;
  assert.deepEqual(JSON.parse(annotations[name] ?? ""), { ...head, metadata: { name: "a" }, spec: { replicas: 2 } });
  assert.throws(() => apply(live, "other", { replicas: 2 }), { code: 409 });
});

test("entries that differ in their times only are the same", () => {
  const live = update(undefined, "one", thing({ replicas: 1, containers: [] }));
  const later = update(undefined, ["one", second], thing({ replicas: 1, containers: [] }));
  assert.equal(sameButTimes(entriesOf(live) as never, entriesOf(later) as never), true);
  assert.equal(sameButTimes(entriesOf(live) as never, []), false);
});

const anySpec = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 2 }),
    selector: fc.dictionary(fc.constantFrom("x", "y"), fc.constantFrom("1", "2"), { noNullPrototype: true }),
    names: fc.uniqueArray(fc.constantFrom("a", "b", "c")),
    containers: fc.uniqueArray(fc.record({ name: fc.constantFrom("a", "b", "c"), image: fc.constantFrom("1", "2") }), {
      selector: ({ name }) => name,
    }),
    free: fc.jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test("applying the same again changes nothing", () => {
  fc.assert(
    fc.property(anySpec, anySpec, (first, then) => {
      const live = forced(apply(undefined, "one", first), "two", then);
      const again = applyPatch(
        { ...write(live, "two", second), force: false },
        { ...head, metadata: { name: "a" }, spec: then },
      );
      assert.equal(deepEqual(again, live), true);
    }),
  );
});

test("who applies less loses what nobody else applies", () => {
  fc.assert(
    fc.property(anySpec, (first) => {
      const before = apply(undefined, "one", first);
      // Empty lists are nobody's: who applies nothing else has applied nothing, as upstream has it.
      fc.pre(owners(before).length > 0);
      const live = apply(before, "one", {});
      assert.deepEqual(owners(live), ["one: .spec"]);
      assert.deepEqual(
        Object.keys(specOf(live) ?? {}).filter((name) => name !== "containers"),
        [],
      );
    }),
  );
});

const paths = fc.array(fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }), { maxLength: 6 });

test("field sets obey the laws of sets and survive their JSON", () => {
  const sorted = (set: FieldSet): string[] => shownPaths(set).toSorted();
  fc.assert(
    fc.property(paths, paths, (left, right) => {
      const [a, b] = [setOf(left), setOf(right)];
      const inA = new Set(left.map((path) => `.${path.join(".")}`));
      const inB = new Set(right.map((path) => `.${path.join(".")}`));
      assert.deepEqual(sorted(union(a, b)), [...inA.union(inB)].toSorted());
      assert.deepEqual(sorted(atOnce(intersecting(a, b))), [...inA.intersection(inB)].toSorted());
      assert.deepEqual(sorted(difference(a, b)), [...inA.difference(inB)].toSorted());
      const under = (path: string): boolean => [...inB].some((other) => path === other || path.startsWith(`${other}.`));
      assert.deepEqual(sorted(without(a, b)), [...inA].filter((path) => !under(path)).toSorted());
      const text = JSON.stringify(union(a, b));
      assert.equal(JSON.stringify(parsedSet(JSON.parse(text) as JsonObject)), text);
      assert.equal(JSON.stringify(union(b, a)), text);
    }),
  );
});

test("thousands of managers, items and keys take a time that grows with them", () => {
  const startedMs = performance.now();
  const many = Array.from({ length: 10_000 }, (_, at) => `n${at}`);
  const entries = many.map((name) => ({
    manager: name,
    operation: "Apply",
    apiVersion: "apps/v1",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": { "f:names": { [`v:"${name}"`]: {} } } },
  }));
  const live = thing({ names: many }, { managedFields: entries });
  assert.equal(managersOf(apply(live, "other", { names: many })).length, 10_001);
  // Text order and number order differ, so that the steps have to be sorted.
  const ports = many.map((_, at) => ({ number: at, protocol: "TCP" }));
  trackUpdate(write(undefined, "test"), thing({ containers: [{ name: "a", ports }] }));
  assert.ok(performance.now() - startedMs < 20_000);
});

function managersOf(object: JsonObject): readonly unknown[] {
  return Object(object["metadata"]).managedFields as readonly unknown[];
}

for (const [name, work] of Object.entries({ uniting, subtracting, intersecting }))
  test(`${name} sets of thousands of steps rests after each thousand`, () => {
    let [looked, most, rests] = [0, 0, 0];
    const stepsTo = (value: string): FieldSet =>
      Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`k:{"name":"e${at}"}`, { [`f:${value}`]: {} }]));
    const get = (target: FieldSet, element: string): unknown => {
      looked += 1;
      return target[element];
    };
    const counted = new Proxy(stepsTo("b"), { get });
    for (const _ of work({ "f:list": stepsTo("a") }, { "f:list": counted })) {
      most = Math.max(most, looked);
      looked = 0;
      rests += 1;
    }
    assert.ok(rests >= 10, `expected a rest after each thousand steps, found ${rests}`);
    assert.ok(most <= 1_000, `expected at most a look a step, found ${most} without a rest`);
  });
