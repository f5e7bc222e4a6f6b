/** What the controllers of Services plan about pods that are ready, are not, and end, as tables of what they see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#resources/core/pod.ts";
import type { Service, ServiceSpec } from "#resources/core/service.ts";
import type { Endpoints } from "#resources/core/endpoints.ts";
import type { EndpointSlice } from "#resources/discovery/endpoint-slice.ts";
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
