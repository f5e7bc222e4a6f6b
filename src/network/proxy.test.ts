/** The proxy against a packet filter that others write to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { createInformers } from "#client/watch-informer.ts";
import { services, type Service } from "#resources/core/service.ts";
import { endpointSlices } from "#resources/discovery/endpoint-slice.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { serviceProxy, type PacketFilter } from "./proxy.ts";

/** Takes every script, and shows a table until somebody takes it away. */
function packetFilter() {
  const state = { scripts: [] as string[], table: undefined as string | undefined, looks: 0, hung: false };
  const filter: PacketFilter = {
    apply: (script) => {
      if (state.hung) return new Promise(() => undefined);
      state.scripts.push(script);
      state.table = `after ${state.scripts.length}`;
      return Promise.resolve();
    },
    digest: async () => {
      state.looks += 1;
      return state.table;
    },
    udpPeers: async () => [],
    forgetUdp: async () => undefined,
  };
  return { state, filter };
}

async function proxied(more: Partial<Service["spec"]> = {}) {
  const clock = new VirtualClock();
  const client = new MemoryCluster(clock).client("test");
  const metadata = { namespace: "default", name: "web" };
  const spec = {
    clusterIP: "10.43.0.9",
    clusterIPs: ["10.43.0.9"],
    ports: [{ port: 80, protocol: "TCP" as const }],
    ...more,
  };
  await client.create(services, { apiVersion: "v1", kind: "Service", metadata, spec, status: { loadBalancer: {} } });
  const { state, filter } = packetFilter();
  const ending = new AbortController();
  const informers = createInformers(client, { clock, log: silentLog }, ending.signal);
  const run = serviceProxy({
    informers,
    filter,
    serveHealth: async () => ({ close: async () => undefined }),
    clock,
    log: silentLog,
    nodeName: "node",
    clusterCidr: "10.42.0.0/16",
    reserved: [{ what: "dns", address: "10.43.0.10", protocol: "udp", port: 53, listens: "there" }],
    table: "kedge-test",
  }).run(ending.signal);
  await clock.advance(100);
  const addEndpoint = (): Promise<unknown> =>
    client.create(endpointSlices, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { namespace: "default", name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.42.0.5"], conditions: { ready: true } }],
      ports: [{ name: "", port: 8080, protocol: "TCP" }],
    });
  const end = async (): Promise<void> => {
    ending.abort(new Error("the test is over"));
    await clock.advance(0);
    await run;
  };
  return { clock, state, addEndpoint, end };
}

test("rules that somebody flushed are made anew within half a minute, and only then", async () => {
  const { clock, state, end } = await proxied();
  await clock.advance(90_000);
  assert.equal(state.scripts.length, 1);
  state.table = undefined;
  await clock.advance(31_000);
  assert.equal(state.scripts.length, 2);
  assert.match(state.scripts[1] ?? "", /^add table ip kedge-test\ndelete table ip kedge-test\n/);
  await end();
});

test("rules that somebody changed are made anew", async () => {
  const { clock, state, end } = await proxied();
  await clock.advance(31_000);
  state.table = "with one rule less";
  await clock.advance(31_000);
  assert.equal(state.scripts.length, 2);
  await end();
});

test("a change of endpoints is one small script, and the kernel is not asked for its table each time", async () => {
  const { clock, state, addEndpoint, end } = await proxied();
  await addEndpoint();
  await clock.advance(1_000);
  assert.equal(state.scripts.length, 2);
  assert.doesNotMatch(state.scripts[1] ?? "", /delete table/);
  assert.ok(state.looks <= 1, `${state.looks} looks`);
  await end();
});

test("a packet filter that hangs is given up, and the rules are made when it is back", async () => {
  const { clock, state, addEndpoint, end } = await proxied();
  state.hung = true;
  await addEndpoint();
  await clock.advance(25_000);
  state.hung = false;
  await clock.advance(60_000);
  assert.equal(state.scripts.length, 2);
  assert.match(state.scripts[1] ?? "", /10\.42\.0\.5/);
  await end();
});

test("no Service takes the address of the DNS over by an external address", async () => {
  const { clock, state, addEndpoint, end } = await proxied({
    externalIPs: ["10.43.0.10", "198.51.100.9"],
    ports: [
      { port: 53, protocol: "UDP" },
      { port: 853, protocol: "TCP" },
    ],
  });
  await addEndpoint();
  await clock.advance(1_000);
  const all = state.scripts.join("\n");
  assert.match(all, /198\.51\.100\.9 \. udp \. 53/);
  assert.doesNotMatch(all, /10\.43\.0\.10 /);
  await end();
});
