/** The scripts the proxy gives to nft, as golden text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "#resources/core/service.ts";
import type { EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { healthAnswers } from "./health-ports.ts";
import { changedTable, wholeTable } from "./nft-script.ts";
import { rulesOf, type Ruleset } from "./rules.ts";
import { udpPlaces } from "./udp.ts";

const options = { nodeName: "node", clusterCidr: "10.42.0.0/16", reserved: new Set<string>() };

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

const nodePort = { externalTrafficPolicy: "Local", type: "NodePort", ports: [{ port: 80, nodePort: 30_080 }] } as const;

function chainOf(found: Ruleset, key: string): readonly string[] {
  const verdict = found.maps["service-nodeports"].get(key) ?? found.maps["service-ips"].get(key) ?? "";
  return found.chains.get(verdict.replace("goto ", "")) ?? [verdict];
}

test("with a local policy, traffic from outside stays on this node, and that of pods and of the node goes anywhere", () => {
  const found = rules(nodePort, [slice(["10.42.1.5"], "other")]);
  const internal = [...found.chains.keys()].find((name) => name.startsWith("internal-"));
  assert.deepEqual(chainOf(found, "tcp . 30080"), [
    `ip saddr 10.42.0.0/16 goto ${internal}`,
    `fib saddr type local goto ${internal}`,
    "drop",
  ]);
});

test("a local policy goes by this node's endpoints alone: one that ends here serves while others are ready elsewhere", () => {
  const ending = {
    addresses: ["10.42.0.5"],
    conditions: { ready: false, serving: true, terminating: true },
    nodeName: "node",
  };
  const here = { ...slice([]), endpoints: [ending] };
  const found = rules(nodePort, [here, slice(["10.42.1.5"], "other")]);
  assert.equal(chainOf(found, "tcp . 30080").at(-1), "meta l4proto tcp dnat ip to 10.42.0.5:8080");
  assert.equal(chainOf(found, "10.43.0.9 . tcp . 80").at(-1), "meta l4proto tcp dnat ip to 10.42.1.5:8080");
});

test("a load balancer's address lets in the ranges that it names and nothing else", () => {
  const balanced: Service = {
    ...service({
      type: "LoadBalancer",
      loadBalancerSourceRanges: ["192.0.2.0/24", " 198.51.100.7/32", "2001:db8::/32"],
    }),
    status: { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } },
  };
  const found = rulesOf([balanced], () => [slice(["10.42.0.5"])], options);
  const external = [...found.chains.keys()].find((name) => name.startsWith("external-"));
  assert.deepEqual(chainOf(found, "203.0.113.1 . tcp . 80"), [
    `ip saddr 192.0.2.0/24 goto ${external}`,
    `ip saddr 198.51.100.7/32 goto ${external}`,
    "drop",
  ]);
});

test("what is no IPv4 address never gets into a rule", () => {
  const names = { ...slice(["db.example.com"]), addressType: "FQDN" };
  const odd = slice(["10.42.0.5; flush ruleset", "fd00::1"]);
  const found = rules({ externalIPs: ["2001:db8::1"] }, [names, odd]);
  assert.deepEqual([...found.maps["refused-ips"]], [["10.43.0.9 . tcp . 80", "goto refuse"]]);
  assert.equal(found.chains.size, 0);
});

test("no Service takes another one's cluster address, nor the API's or the kubelet's, by an external address", () => {
  const thief = service({
    clusterIP: "10.43.0.66",
    clusterIPs: ["10.43.0.66"],
    externalIPs: ["10.43.0.9", "192.0.2.1"],
  });
  const older: Service = {
    ...thief,
    metadata: { namespace: "evil", name: "a", creationTimestamp: "2020-01-01T00:00:00Z" },
  };
  const reserved = new Set(["192.0.2.1 . tcp . 80"]);
  const found = rulesOf([older, service()], () => [slice(["10.42.0.5"])], { ...options, reserved });
  const victim = rules({}, [slice(["10.42.0.5"])]).maps["service-ips"].get("10.43.0.9 . tcp . 80");
  assert.equal(found.maps["service-ips"].get("10.43.0.9 . tcp . 80"), victim);
  assert.equal(found.maps["service-ips"].has("192.0.2.1 . tcp . 80"), false);
});

test("UDP connections are looked at where endpoints changed, and everywhere after a start", () => {
  const spec = { ports: [{ port: 53, protocol: "UDP", nodePort: 30_053 }], type: "NodePort" } as const;
  const udp = (addresses: readonly string[]): EndpointSlice[] => [
    { ...slice(addresses), ports: [{ name: "", protocol: "UDP", port: 53 }] },
  ];
  const [before, after] = [rules(spec, udp(["10.42.0.5", "10.42.0.6"])), rules(spec, udp(["10.42.0.6"]))];
  assert.deepEqual(udpPlaces(before, after), [
    { place: { address: "10.43.0.9", port: 53 }, peers: ["10.42.0.6"] },
    { place: { port: 30_053 }, peers: ["10.42.0.6"] },
  ]);
  assert.deepEqual(udpPlaces(after, after), []);
  assert.equal(udpPlaces(undefined, after).length, 2);
});

test("a load balancer that asks is told how many endpoints are here", () => {
  const local = service({ type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30_900 });
  const said = (nodeName: string): unknown =>
    healthAnswers([local], () => [slice(["10.42.0.5"], nodeName)], "node").get(30_900);
  const answer = (code: number, count: number): unknown => ({
    code,
    headers: {
      "content-type": "application/json",
      "x-content-type-options": "nosniff",
      "x-load-balancing-endpoint-weight": String(count),
    },
    body: `{"service":{"namespace":"default","name":"web"},"localEndpoints":${count},"serviceProxyHealthy":true}`,
  });
  assert.deepEqual([said("node"), said("other")], [answer(200, 1), answer(503, 0)]);
});

test("nothing is said when nothing changed", () => {
  const same = (): Ruleset => rules({ sessionAffinity: "ClientIP" }, [slice(["10.42.0.5"])]);
  assert.equal(changedTable("t", same(), same()), "");
  assert.match(
    wholeTable("t", options.clusterCidr, same()),
    /add set ip t affinity-\w+ \{ type ipv4_addr; flags dynamic, timeout; timeout 10800s/,
  );
});
