import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { planPodBridge, podBridge, type PodBridgeState, type PodPort } from "./pod-bridge.ts";

const wanted = { bridge: "kedge-1", podCidr: "10.42.3.0/24", config: "{}" };
const port = (link: string, more: Partial<PodPort> = {}): PodPort => ({
  link,
  up: true,
  bridge: "kedge-1",
  hairpin: true,
  ...more,
});
const whole = { config: "{}", up: true, addresses: ["10.42.3.1/24"], hardwareAddress: "02:00:00:00:00:01", ports: [] };
const lines = (seen: PodBridgeState): readonly string[] => planPodBridge(wanted, seen)?.lines ?? [];

test("a bridge that is whole, and one that no pod has needed yet, are left alone", () => {
  assert.equal(planPodBridge(wanted, { ...whole, ports: [port("veth1")] }), undefined);
  assert.equal(planPodBridge(wanted, { config: "{}", addresses: [], ports: [] }), undefined);
});

test("the runtime is told of the network again when its file is gone or another's", () => {
  for (const config of [undefined, "other"])
    assert.deepEqual(planPodBridge(wanted, { ...(config && { config }), addresses: [], ports: [] }), {
      wanted,
      tell: true,
      lines: [],
    });
});

test("a bridge that is down, or lost its address, gets them back", () => {
  assert.deepEqual(lines({ ...whole, up: false, addresses: [] }), [
    "addr add 10.42.3.1/24 brd + dev kedge-1",
    "link set dev kedge-1 up",
  ]);
});

test("a bridge that was removed comes back where its pods know it, with all of them on it", () => {
  const { up: _, ...gone } = whole;
  const lost: PodPort = { link: "veth1", up: true, hairpin: false };
  assert.deepEqual(lines({ ...gone, addresses: [], ports: [lost, { ...lost, link: "veth2", up: false }] }), [
    "link add name kedge-1 address 02:00:00:00:00:01 type bridge",
    "addr add 10.42.3.1/24 brd + dev kedge-1",
    "link set dev kedge-1 up",
    "link set dev veth1 master kedge-1",
    "link set dev veth1 type bridge_slave hairpin on",
    "link set dev veth2 master kedge-1",
    "link set dev veth2 type bridge_slave hairpin on",
    "link set dev veth2 up",
  ]);
});

test("a bridge that somebody brings down is up again within half a minute", async () => {
  const clock = new VirtualClock();
  const life = new AbortController();
  let seen: PodBridgeState = { ...whole, ports: [port("veth1")] };
  const bridge = podBridge({
    machine: {
      look: async () => seen,
      tell: () => undefined,
      apply: async ([line]) => {
        assert.equal(line, "link set dev kedge-1 up");
        seen = { ...seen, up: true };
      },
    },
    clock,
    log: silentLog,
  });
  bridge.want(wanted);
  const run = bridge.run(life.signal);
  await clock.advance(60_000);
  seen = { ...seen, up: false };
  assert.ok((await clock.until(() => seen.up === true)) <= 30_000);
  life.abort();
  await run;
});
