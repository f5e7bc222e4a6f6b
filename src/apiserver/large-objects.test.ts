/** Bodies that are large, or have many values: what is refused, how early, and that others are served in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { machineClock, type Clock, type Timer } from "#base/clock.ts";
import { encodeObject } from "#machinery/protobuf.ts";
import { namesMax, valuesMax } from "#machinery/value-count.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { createDirectClient } from "./direct-client.ts";
import { storedBytesMax } from "./verbs/stored-size.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const json = { "content-type": "application/json" };
const merge = { "content-type": "application/merge-patch+json" };

/** A clock by which every piece of work takes as long as long work may take in one turn. */
class SlowClock implements Clock {
  /** Turns of the event loop in which somebody worked long. */
  turns = 0;
  private elapsedMs = 0;

  nowMs(): number {
    return machineClock.nowMs();
  }

  monotonicMs(): number {
    this.elapsedMs += 10;
    return this.elapsedMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    if (delayMs === 0) this.turns += 1;
    return machineClock.after(delayMs, callback);
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return machineClock.sleep(delayMs, signal);
  }
}

function many(count: number, value: unknown = "v"): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, value]));
}

function configMap(name: string, more: object): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, ...more };
}

/** Collects what is decoded and held by nobody. */
async function nothingAtHand(): Promise<void> {
  setFlagsFromString("--expose-gc");
  // Holds because the flag makes it.
  const collect = runInNewContext("gc") as () => void;
  await new Promise((resolve) => void setImmediate(resolve));
  collect();
  await new Promise((resolve) => void setImmediate(resolve));
}

test("a body of too many values is refused with 413 in every encoding, before anything is made of it", async () => {
  const server = new TestApiServer();
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: many(namesMax) };
  const refused = async (body: string | Uint8Array, type: string): Promise<void> => {
    const answer = await server.ask(`POST ${maps}`, { body, headers: { "content-type": type } });
    assert.deepEqual([answer.code, answer.at("reason")], [413, "RequestEntityTooLarge"], type);
    assert.match(String(answer.at("message")), /^Request entity too large: expected (?:YAML of )?at most/);
  };
  const text = JSON.stringify(object);
  await refused(text, "application/json");
  // Broken behind the last value that is read.
  await refused(text.slice(0, -2), "application/json");
  await refused(text, "application/yaml");
  await refused(`data:\n${"  k: v\n".repeat(valuesMax)}`, "application/yaml");
  await refused(`data:\r${"  k: v\r".repeat(valuesMax)}`, "application/yaml");
  await refused(`data:\n  k: "${"\\n".repeat(400_000)}"\n`, "application/yaml");
  await refused(`data:\n  k: ${"x".repeat(1024 * 1024)}\n`, "application/yaml");
  await refused(encodeObject(configMaps.shape, object), "application/vnd.kubernetes.protobuf");
});

test("an object is not patched, nor applied, beyond the values that one may have", async () => {
  const server = new TestApiServer();
  const half = Math.ceil(namesMax / 2);
  const data = many(half);
  assert.equal((await server.ask(`POST ${maps}`, { body: configMap("a", { data }) })).code, 201);
  const more = Object.fromEntries(Object.keys(data).map((key) => [`${key}x`, "v"]));
  const patched = await server.ask(`PATCH ${maps}/a`, { body: { data: more }, headers: merge });
  assert.equal(patched.code, 413, patched.text.slice(0, 300));
  const headers = { "content-type": "application/apply-patch+yaml" };
  const body = configMap("a", { data: more });
  assert.equal((await server.ask(`PATCH ${maps}/a?fieldManager=x`, { body, headers })).code, 413);
  const small = await server.ask(`PATCH ${maps}/a`, { body: { data: { k0: null } }, headers: merge });
  assert.equal(small.code, 200, small.text.slice(0, 300));
});

test("an object whose managed fields outgrow it is refused with 413, and what is stored can be sent back", async () => {
  const server = new TestApiServer();
  const pod = (count: number): object => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    spec: { containers: Array.from({ length: count }, (_, at) => ({ name: `c${at}`, image: "i" })) },
  });
  const pods = "/api/v1/namespaces/default/pods";
  for (const query of ["", "?dryRun=All"]) {
    const refused = await server.ask(`POST ${pods}${query}`, { body: pod(10_900) });
    assert.equal(refused.code, 413, refused.text.slice(0, 300));
    assert.match(
      String(refused.at("message")),
      new RegExp(
        `^etcdserver: request is too large: expected an object of at most ${storedBytesMax.builtIn} bytes with its managed fields, found \\d+$`,
      ),
    );
  }
  const made = await server.ask(`POST ${pods}`, { body: pod(3_000) });
  assert.equal(made.code, 201, made.text.slice(0, 300));
  const sent = await server.ask(`PUT ${pods}/a`, { body: made.text, headers: json });
  assert.equal(sent.code, 200, sent.text.slice(0, 300));
});

test("a large write rests between its steps, and a small one never does", async () => {
  const clock = new SlowClock();
  const server = new TestApiServer({ clock });
  const turnsOf = async (line: string, body: object, headers = json): Promise<number> => {
    const before = clock.turns;
    const { code, text } = await server.ask(line, { body, headers });
    assert.ok(code < 300, text.slice(0, 300));
    return clock.turns - before;
  };
  const data = many(16_000);
  assert.equal(await turnsOf(`POST ${maps}`, configMap("small", { data: { a: "b" } })), 0);
  assert.ok((await turnsOf(`POST ${maps}`, configMap("large", { data }))) >= 8);
  assert.ok((await turnsOf(`PUT ${maps}/large`, configMap("large", { data: { ...data, more: "v" } }))) >= 8);
  // What is sent is small, what is changed is not.
  assert.ok((await turnsOf(`PATCH ${maps}/large`, { data: { k1: "w" } }, merge)) >= 6);
  assert.ok((await turnsOf(`PUT ${maps}/large`, configMap("large", { data: { a: "b" } }))) >= 4);
  assert.equal(await turnsOf(`PATCH ${maps}/small`, { data: { k1: "w" } }, merge), 0);
});

test("a large object is read in turns of its own in every encoding but the stored one", async () => {
  const clock = new SlowClock();
  const server = new TestApiServer({ clock });
  await server.ask(`POST ${maps}`, { body: configMap("large", { data: many(10_000) }) });
  const turnsOf = async (accept: string): Promise<number> => {
    const before = clock.turns;
    assert.equal((await server.ask(`GET ${maps}/large`, { headers: { accept } })).code, 200);
    return clock.turns - before;
  };
  assert.equal(await turnsOf("application/json"), 0);
  assert.ok((await turnsOf("application/yaml")) >= 10);
  assert.ok((await turnsOf("application/vnd.kubernetes.protobuf")) >= 2);
});

test("field sets that a client sends are read piece by piece", async () => {
  const clock = new SlowClock();
  const server = new TestApiServer({ clock });
  const set = Object.fromEntries(Array.from({ length: 16_000 }, (_, at) => [`f:k${at}`, {}]));
  const entry = { manager: "a", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1" };
  const managedFields = [{ ...entry, fieldsV1: { "f:data": set } }];
  const metadata = { name: "a", managedFields };
  const { code, text } = await server.ask(`POST ${maps}`, { body: { metadata }, headers: json });
  assert.equal(code, 201, text.slice(0, 300));
  assert.ok(clock.turns >= 16, `${clock.turns} turns`);
});

test("annotations beyond their limit are refused before their managers are worked out", async () => {
  const clock = new SlowClock();
  const server = new TestApiServer({ clock });
  const metadata = { name: "a", annotations: many(10_000, "x".repeat(30)) };
  const refused = await server.ask(`POST ${maps}`, { body: { metadata } });
  assert.equal(refused.code, 422);
  assert.match(String(refused.at("message")), /metadata.annotations: Too long: may not be more than 262144 bytes$/);
  // Reading it takes most of them; its managers would take as many again and more.
  assert.ok(clock.turns < 10, `${clock.turns} turns`);
});

test("a part of this process that asks in a loop lets others in between", async () => {
  const clock = new SlowClock();
  const { api, ending } = new TestApiServer({ clock });
  const user = { name: "admin", groups: ["system:masters"] };
  const client = createDirectClient(api.server, { user, signal: ending.signal });
  await client.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "default" },
  });
  const before = clock.turns;
  for (let count = 0; count < 20; count += 1) await client.get(configMaps, { namespace: "default", name: "a" });
  assert.ok(clock.turns - before >= 10);
});

test("a watch that resumes is given each large change in turns of its own", async () => {
  const clock = new SlowClock();
  const { api, ending } = new TestApiServer({ clock });
  const user = { name: "admin", groups: ["system:masters"] };
  const client = createDirectClient(api.server, { user, signal: ending.signal });
  const small = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "default" } } as const;
  const first = await client.create(configMaps, small);
  const data = Object.fromEntries(Array.from({ length: 8_000 }, (_, at) => [`key-${at}`, `value-${at}`]));
  const changes = 5;
  let { metadata } = first;
  const { resourceVersion = "" } = metadata;
  for (let count = 0; count < changes; count += 1) {
    const changed = { ...small, metadata, data: { ...data, count: String(count) } };
    ({ metadata } = await client.update(configMaps, changed));
  }
  const watched = async (): Promise<number> => {
    await nothingAtHand();
    const before = clock.turns;
    const leave = new AbortController();
    const signal = AbortSignal.any([ending.signal, leave.signal]);
    let seen = 0;
    for await (const event of client.watch(configMaps, { resourceVersion, namespace: "default" }, signal)) {
      if (event.type !== "bookmark") seen += 1;
      if (seen === changes) break;
    }
    leave.abort();
    return clock.turns - before;
  };
  // Who comes later finds what was decoded for others forgotten.
  for (const who of ["first", "second"]) {
    const turns = await watched();
    assert.ok(turns >= changes * 4, `${turns} turns for the ${who}`);
  }
});
