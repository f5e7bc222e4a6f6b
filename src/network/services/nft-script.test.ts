/** The scripts the proxy gives to nft, as golden text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "#resources/core/service.ts";
import type { EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { changedTable, wholeTable } from "./nft-script.ts";
import { rulesOf, type Ruleset } from "./rules.ts";

const options = { nodeName: "node", clusterCidr: "10.42.0.0/16" };

function service(spec: Partial<Service["spec"]> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "default", name: "web" },
    spec: { clusterIP: "10.43.0.9", clusterIPs: ["10.43.0.9"], ports: [{ port: 80, protocol: "TCP" }], ...spec },
    status: { loadBalancer: {} },
  };
}

function slice(addresses: readonly string[], nodeName = "node"): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "default", name: "web-1" },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, nodeName })),
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
  };
}

const rules = (spec: Partial<Service["spec"]>, slices: readonly EndpointSlice[]): Ruleset =>
  rulesOf([service(spec)], () => slices, options);

const from = (before: Ruleset, after: Ruleset): string[] => changedTable("t", before, after).trim().split("\n");

test("an endpoint that joins changes one chain and one element", () => {
  const before = rules({}, [slice(["10.42.0.5"])]);
  const chain = [...before.chains.keys()][0];
  assert.deepEqual(from(before, rules({}, [slice(["10.42.0.5", "10.42.0.6"])])), [
    "add element ip t hairpin { 10.42.0.6 . 10.42.0.6 }",
    `flush chain ip t ${chain}`,
    `add rule ip t ${chain} ip saddr != 10.42.0.0/16 meta mark set meta mark or 0x4000`,
    `add rule ip t ${chain} meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.42.0.5 . 8080, 1 : 10.42.0.6 . 8080 }`,
  ]);
});

test("a Service without endpoints is refused, not dropped", () => {
  const { maps } = rules({}, []);
  assert.deepEqual([...maps["refused-ips"]], [["10.43.0.9 . tcp . 80", "goto refuse"]]);
});

test("with a local policy, endpoints of other nodes take no node port traffic", () => {
  const spec = { externalTrafficPolicy: "Local", type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] } as const;
  const { maps } = rules(spec, [slice(["10.42.1.5"], "other")]);
  assert.deepEqual([...maps["refused-nodeports"]], [["tcp . 30080", "drop"]]);
  assert.equal(maps["service-ips"].size, 1);
});

test("nothing is said when nothing changed", () => {
  const same = (): Ruleset => rules({ sessionAffinity: "ClientIP" }, [slice(["10.42.0.5"])]);
  assert.equal(changedTable("t", same(), same()), "");
  assert.match(
    wholeTable("t", options.clusterCidr, same()),
    /add set ip t affinity-\w+ \{ type ipv4_addr; flags dynamic, timeout; timeout 10800s/,
  );
});
