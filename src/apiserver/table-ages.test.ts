/** Tables tell ages as of the moment of the answer, though their rows are kept from list to list. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "#testing/api-server.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";

const maps = "/api/v1/namespaces/default/configmaps";
const table = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
const minuteMs = 60_000;

function serverAt(clock: VirtualClock): { server: TestApiServer; make: (name: string) => Promise<void> } {
  const server = new TestApiServer({ clock });
  const make = async (name: string): Promise<void> => {
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
    assert.equal((await server.ask(`POST ${maps}`, { body })).code, 201);
  };
  return { server, make };
}

test("a list as a table tells ages anew whenever they have changed", async () => {
  const clock = new VirtualClock();
  const { server, make } = serverAt(clock);
  await make("old");
  const told: unknown[] = [];
  for (const passedMs of [0, 1_000, 59_000, 14 * minuteMs, 30_000, 30_000]) {
    await clock.advance(passedMs);
    told.push((await server.ask(`GET ${maps}`, { headers: table })).at("rows.0.cells.2"));
  }
  assert.deepEqual(told, ["0s", "1s", "60s", "15m", "15m", "16m"]);
});

test("a watch as a table tells the age that an object has when it changes", async () => {
  const clock = new VirtualClock();
  const { server, make } = serverAt(clock);
  await make("old");
  const watch = server.watch(`${maps}?watch=1`, { headers: table });
  await watch.lines(1);
  await clock.advance(5 * minuteMs);
  await make("new");
  const ages = (await watch.lines(2)).map((line) => JSON.parse(line).object.rows[0].cells[2]);
  assert.deepEqual(ages, ["0s", "0s"]);
  // Another watcher begins with what there is, as old as it is by then.
  const later = server.watch(`${maps}?watch=1`, { headers: table });
  const sorted = (await later.lines(2)).map((line) => String(JSON.parse(line).object.rows[0].cells[2])).toSorted();
  assert.deepEqual(sorted, ["0s", "5m"]);
  server.ending.abort();
});
