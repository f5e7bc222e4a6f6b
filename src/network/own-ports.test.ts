import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { ownPorts, ownTable } from "./own-ports.ts";
import { answeredHere, rulesThatKeep, servicesKeepOff, type ReservedPlace } from "./reserved.ts";

const places: readonly ReservedPlace[] = [
  { what: "api", address: "192.0.2.1", protocol: "tcp", port: 6443, listens: "everywhere" },
  { what: "streams", address: "127.200.0.1", protocol: "tcp", listens: "there" },
  { what: "dns", address: "10.43.0.10", protocol: "udp", port: 53, listens: "there" },
];

test("what listens here is kept for it at every address it has, and no Service takes any of it", () => {
  assert.deepEqual(rulesThatKeep(places), [
    "fib daddr type local tcp dport 6443 dnat ip to ip daddr",
    "ip daddr 127.200.0.1 meta l4proto tcp dnat ip to ip daddr",
    "ip daddr 10.43.0.10 udp dport 53 dnat ip to ip daddr",
  ]);
  const keptOff = ["10.43.0.10", "192.0.2.1 . tcp . 6443", "127.200.0.1", "10.43.0.10 . udp . 53"];
  assert.deepEqual([...servicesKeepOff(places)], keptOff);
  assert.deepEqual([...answeredHere(places)], ["10.43.0.10"]);
});

test("an API on another machine keeps no port of this one, and stays out of the reach of Services", () => {
  const away: readonly ReservedPlace[] = [
    { what: "api", address: "192.0.2.9", protocol: "tcp", port: 6443, listens: "elsewhere" },
  ];
  assert.deepEqual(rulesThatKeep(away), []);
  assert.ok(servicesKeepOff(away).has("192.0.2.9 . tcp . 6443"));
});

test("the table is made at once, and again when somebody removed or changed it", async () => {
  const clock = new VirtualClock();
  let table: string | undefined;
  let applied = 0;
  const filter = {
    apply: async (script: string) => {
      applied += 1;
      table = script;
    },
    digest: async () => table,
  };
  const ending = new AbortController();
  const run = ownPorts({ places, table: "kedge-own-t", filter, clock, log: silentLog }).run(ending.signal);
  await clock.advance(1_000);
  assert.equal(table, ownTable("kedge-own-t", places));
  await clock.advance(90_000);
  assert.equal(applied, 1);
  for (const somebodys of [undefined, "flushed"]) {
    table = somebodys;
    await clock.advance(31_000);
    assert.equal(table, ownTable("kedge-own-t", places));
  }
  assert.equal(applied, 3);
  ending.abort(new Error("the test is over"));
  await run;
});
