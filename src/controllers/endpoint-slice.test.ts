/** What the controllers of Services plan about pods that are ready, are not, and end, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#resources/core/pod.ts";
import type { Service, ServiceSpec } from "#resources/core/service.ts";
import type { Endpoints } from "#resources/core/endpoints.ts";
import type { EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
import { counted } from "#testing/counted.ts";
import { planEndpoints } from "./endpoint.ts";
import { planEndpointSlices } from "./endpoint-slice.ts";

function service(spec: Partial<ServiceSpec> = {}): Service {
  const ports = [{ name: "http", port: 80, protocol: "TCP" as const }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "default", name: "web", uid: "web" },
    spec: { selector: { app: "web" }, ports, ...spec },
    status: { loadBalancer: {} },
  };
}

function pod(ready: boolean, ending = false): Pod {
  const metadata = { namespace: "default", name: "p", uid: "p" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: ending ? { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } : metadata,
    spec: { nodeName: "one", containers: [] },
    status: { podIP: "10.42.0.2", phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

function endpointOf(of: Service, one: Pod) {
  const [action] = planEndpointSlices({ service: of, pods: [one], slices: [], zoneOf: () => "a" }).actions;
  assert.ok(action?.kind === "create");
  // Holds because only slices are planned.
  return (action.object as EndpointSlice).endpoints[0];
}

test("serving says whether a pod is ready, whatever the Service publishes", () => {
  const cases: readonly [publish: boolean, ready: boolean, ending: boolean, conditions: string][] = [
    [false, true, false, "ready serving"],
    [false, false, false, ""],
    [false, true, true, "serving terminating"],
    [true, false, false, "ready"],
    [true, false, true, "ready terminating"],
  ];
  for (const [publishNotReadyAddresses, ready, ending, expected] of cases) {
    const { conditions = {} } = endpointOf(service({ publishNotReadyAddresses }), pod(ready, ending)) ?? {};
    const told = Object.entries(conditions).flatMap(([name, value]) => (value === true ? [name] : []));
    assert.equal(told.join(" "), expected);
  }
});

test("an endpoint says who is near it when the Service asks for that, and while it is ready", () => {
  const hints = (trafficDistribution: string | undefined, ready = true): unknown =>
    endpointOf(service(trafficDistribution === undefined ? {} : { trafficDistribution }), pod(ready))?.hints;
  const forZones = [{ name: "a" }];
  assert.equal(hints(undefined), undefined);
  assert.deepEqual(hints("PreferClose"), { forZones });
  assert.deepEqual(hints("PreferSameZone"), { forZones });
  assert.deepEqual(hints("PreferSameNode"), { forZones, forNodes: [{ name: "one" }] });
  assert.equal(hints("PreferClose", false), undefined);
});

test("Endpoints list a pod that ends only where those that are not ready are published", () => {
  const listed = (publishNotReadyAddresses: boolean): number => {
    const of = service({ publishNotReadyAddresses });
    const [action] = planEndpoints({ service: of, pods: [pod(false, true)], existing: undefined }).actions;
    assert.ok(action?.kind === "create");
    // Holds because only Endpoints are planned.
    return ((action.object as Endpoints).subsets ?? []).length;
  };
  assert.deepEqual([listed(false), listed(true)], [0, 1]);
});

const count = 600;
const rows = Array.from({ length: count }, (_, at) => at);
const withPort = (at: number, containerPort: number): Pod => ({
  ...pod(true),
  metadata: { namespace: "default", name: `p${at}`, uid: `p${at}` },
  spec: { containers: [{ name: "c", resources: {}, ports: [{ name: "web", containerPort }] }] },
});

for (const plan of ["slices", "endpoints"] as const)
  test(`${plan}: the ports of a Service and its pods are read a few times each`, () => {
    const reads = { reads: 0 };
    const ports = rows.map((at) => ({ name: `p${at}`, port: 1 + at, targetPort: at === 0 ? "web" : 1 + at }));
    const seen = counted({ service: service({ ports }), pods: rows.map((at) => withPort(at, 80)) }, reads);
    if (plan === "slices") planEndpointSlices({ ...seen, slices: [], zoneOf: () => "a" });
    else planEndpoints({ ...seen, existing: undefined });
    assert.ok(reads.reads > count, `expected the lists to be read, found ${reads.reads} reads`);
    assert.ok(reads.reads < 150 * count, `expected a few reads of each, found ${reads.reads} reads`);
  });

test("pods that each listen on a port of their own find their slices without a look at those of the others", () => {
  const reads = { reads: 0 };
  const of = service({ ports: [{ name: "http", port: 80, protocol: "TCP", targetPort: "web" }] });
  const pods = rows.map((at) => withPort(at, 1 + at));
  const slices = rows.map((at): EndpointSlice => {
    const metadata = { namespace: "default", name: `s${at}`, labels: {} };
    const ports = [{ name: "http", protocol: "TCP" as const, port: 1 + at }];
    return {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata,
      addressType: "IPv4",
      endpoints: [],
      ports,
    };
  });
  const seen = counted({ service: of, pods, slices }, reads);
  const { actions } = planEndpointSlices({ ...seen, zoneOf: () => "a" });
  assert.equal(actions.length, count);
  assert.ok(actions.every(({ kind }) => kind === "update"));
  assert.ok(reads.reads < 150 * count, `expected a few reads of each, found ${reads.reads} reads`);
});
