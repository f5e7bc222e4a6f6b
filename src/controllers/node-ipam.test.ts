/** Which pod ranges nodes get. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "#resources/core/node.ts";
import { planNodeIpam } from "./node-ipam.ts";

const node: Node = {
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "a" },
  spec: {},
  status: { daemonEndpoints: { kubeletEndpoint: { Port: 0 } }, nodeInfo: undefined },
} as unknown as Node;

function given(prefixLength: number, taken: readonly string[]): unknown {
  const cluster = { base: 10 * 2 ** 24, prefixLength };
  const [action] = planNodeIpam({ node, taken: new Set(taken), cluster }).actions;
  return action?.kind === "patch" && action.patch.type === "merge" ? action.patch.body["spec"] : action?.kind;
}

test("a node gets the first range that no other has", () => {
  assert.deepEqual(given(16, ["10.0.0.0/24", "10.0.2.0/24"]), { podCIDR: "10.0.1.0/24", podCIDRs: ["10.0.1.0/24"] });
});

test("a full network is told in an event", () => {
  assert.equal(given(24, ["10.0.0.0/24"]), "event");
});
