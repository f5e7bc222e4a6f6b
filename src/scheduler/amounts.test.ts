import assert from "node:assert/strict";
import { test } from "node:test";
import { pod } from "#testing/scheduling.ts";
import type { Pod } from "#resources/core/pod.ts";
import { requestsOf } from "./amounts.ts";

const container = (name: string, requests: Record<string, string> = {}, rest: object = {}) => ({
  name,
  resources: { requests },
  ...rest,
});

test("a pod holds what its containers ask for, or the most that one init container needs", () => {
  const one = pod("p", {
    spec: {
      initContainers: [container("i", { cpu: "3" }), container("side", { cpu: "1" }, { restartPolicy: "Always" })],
      containers: [container("a", { cpu: "500m", memory: "1Gi" }), container("b", { "example.com/gpu": "1" })],
      overhead: { cpu: "100m" },
    },
  });
  const { all } = requestsOf(one);
  assert.deepEqual(Object.fromEntries(all), { cpu: 3_100, memory: 2 ** 30, "example.com/gpu": 1 });
});

test("containers that ask for nothing count as small ones in scores, and alike pods share what they ask for", () => {
  const { all, usedCpu, usedMemory } = requestsOf(pod("p"));
  assert.deepEqual([all.size, usedCpu, usedMemory], [0, 100, 200 * 2 ** 20]);
  assert.equal(requestsOf(pod("q", { requests: { cpu: "1" } })), requestsOf(pod("r", { requests: { cpu: "1" } })));
});

test("while a pod is resized, it holds the larger of what it wants and what it has", () => {
  const resized = (wanted: string, given: string, conditions: Pod["status"]["conditions"] = []): number => {
    const status = { name: "main", ready: true, restartCount: 0, image: "", imageID: "", state: {}, lastState: {} };
    const containerStatuses = [{ ...status, allocatedResources: { cpu: given } }];
    const one = pod("p", { requests: { cpu: wanted }, status: { containerStatuses, conditions } });
    return requestsOf(one).all.get("cpu") ?? 0;
  };
  assert.equal(resized("1", "2"), 2_000);
  assert.equal(resized("3", "2"), 3_000);
  const infeasible = [{ type: "PodResizePending", status: "True", reason: "Infeasible" }];
  assert.equal(resized("3", "2", infeasible), 2_000);
});
