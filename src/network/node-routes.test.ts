/** Which routes a node needs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#resources/core/node.ts";
import { planRoutes, routesOf } from "./node-routes.ts";

function node(name: string, podCIDR: string | undefined, address: string | undefined): Node {
  const addresses = address === undefined ? [] : [{ type: "InternalIP", address }];
  // Holds as far as routes look at nodes.
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec: { podCIDR },
    status: { addresses },
  } as unknown as Node;
}

test("every other node with pods and an address gets a route", () => {
  const all = [
    node("a", "10.42.0.0/24", "192.0.2.1"),
    node("b", "10.42.1.0/24", "192.0.2.2"),
    node("c", undefined, "192.0.2.3"),
    node("d", "10.42.3.0/24", undefined),
  ];
  assert.deepEqual(routesOf(all, "a"), [{ podCidr: "10.42.1.0/24", via: "192.0.2.2" }]);
});

test("a node that moved is routed anew, and one that went is forgotten", () => {
  const present = new Map([
    ["10.42.1.0/24", { podCidr: "10.42.1.0/24", via: "192.0.2.2" }],
    ["10.42.2.0/24", { podCidr: "10.42.2.0/24", via: "192.0.2.3" }],
  ]);
  const moved = { podCidr: "10.42.1.0/24", via: "192.0.2.9" };
  assert.deepEqual(planRoutes([moved], present), { missing: [moved], stale: [present.get("10.42.2.0/24")] });
});
