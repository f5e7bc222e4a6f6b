/** What controllers remember between looks goes with the objects it is about. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { untyped } from "#machinery/resource.ts";
import type { Node } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { Graph, itemOf } from "./garbage/graph.ts";
import { Heartbeats } from "./node/heartbeats.ts";
import { TaintTimes } from "./node/taint-times.ts";
import { Zones } from "./node/zones.ts";

const podsMax = 2_000;
const names = Array.from({ length: podsMax }, (_, at) => `p${at}`);

function pod(name: string): Pod {
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "set" };
  const metadata = { namespace: "default", name, uid: name, ownerReferences: [owner] };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [] }, status: {} };
}

test("the graph of owners is empty after a storm of 2,000 pods", () => {
  const graph = new Graph();
  for (const name of names) graph.put(itemOf(untyped(pods), pod(name)));
  assert.equal(graph.dependentsOf("set").length, podsMax);
  for (const name of names) graph.remove(name);
  assert.equal(graph.size, 0);
});

test("what is known of nodes and of pods under their taints goes with the nodes", () => {
  const [heartbeats, zones, times] = [new Heartbeats(), new Zones(), new TaintTimes()];
  const taints = [{ key: "down", effect: "NoExecute" as const }];
  for (const name of names) {
    const conditions = [{ type: "Ready", status: "Unknown" }];
    // Holds as far as these look at nodes.
    const node = { metadata: { name }, spec: {}, status: { conditions } } as unknown as Node;
    heartbeats.note({ node, lease: undefined, graceMs: 1 }, 0);
    zones.note(node);
    times.note(node, { taints, pods: [pod(name)] }, 0);
    times.note(node, { taints, pods: [] }, 1);
  }
  for (const name of names) for (const memory of [heartbeats, zones, times]) memory.forget(name);
  assert.deepEqual([heartbeats.size, zones.size, times.size], [0, 0, 0]);
});
