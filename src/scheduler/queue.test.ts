/** Whose turn it is, in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { node, pod, type PodOptions } from "#testing/scheduling.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { hints } from "./plugins.ts";
import { factsOf, type PodFacts } from "./pod-facts.ts";
import { SchedulingQueue } from "./queue.ts";

function start() {
  const clock = new VirtualClock();
  const queue = new SchedulingQueue(clock, hints);
  return { clock, queue, add: (name: string, options?: PodOptions): void => queue.set(factsOf(pod(name, options))) };
}

function all(queue: SchedulingQueue): string[] {
  const names: string[] = [];
  for (let next = queue.pop(); next; next = queue.pop()) names.push(next.pod.uid);
  return names;
}

const gone = (options?: PodOptions): { kind: "podGone"; pod: PodFacts } => ({
  kind: "podGone",
  pod: factsOf(pod("gone", options)),
});

test("the pod of the highest priority is first, then the one that came first", () => {
  const { queue, add } = start();
  add("a");
  add("b", { priority: 5 });
  add("c", { priority: 5 });
  add("d", { priority: -1 });
  assert.deepEqual(all(queue), ["b", "c", "a", "d"]);
});

test("a pod that was turned down waits for an event that helps the plugin that did it", () => {
  const { queue, add } = start();
  add("a", { hostPorts: [80] });
  queue.pop();
  queue.rejected("a", ["NodePorts"]);
  queue.event(gone({ hostPorts: [81] }));
  queue.event({ kind: "storage" });
  assert.equal(queue.get("a")?.state, "unschedulable");
  queue.event(gone({ hostPorts: [80] }));
  assert.equal(queue.get("a")?.state, "backoff");
});

test("what happens while a pod is looked at counts when it is turned down", () => {
  const { queue, add } = start();
  add("a", { hostPorts: [80] });
  queue.pop();
  queue.event(gone({ hostPorts: [80] }));
  queue.rejected("a", ["NodePorts"]);
  assert.equal(queue.get("a")?.state, "backoff");
});

test("a pod that backs off is tried at once when nothing else is to do, and else in its time", async () => {
  const { clock, queue, add } = start();
  add("a", { priority: 1 });
  queue.pop();
  queue.rejected("a", ["NodeResourcesFit"]);
  queue.event(gone());
  add("b");
  assert.deepEqual(all(queue), ["b", "a"]);
  queue.rejected("a", ["NodeResourcesFit"]);
  queue.event(gone());
  add("c");
  await clock.advance(2_000);
  assert.deepEqual(all(queue), ["a", "c"]);
});

test("a pod whose binding failed waits twice as long each time, up to ten seconds", async () => {
  const { clock, queue, add } = start();
  add("a");
  const waits: number[] = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    assert.deepEqual(all(queue), ["a"]);
    queue.failedOnce("a");
    const fromMs = clock.monotonicMs();
    while (queue.get("a")?.state !== "active") await clock.advance(500);
    waits.push(clock.monotonicMs() - fromMs);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test("a pod that no event has helped is tried again after five minutes", async () => {
  const { clock, queue, add } = start();
  add("a");
  queue.pop();
  queue.rejected("a", ["NodeName"]);
  await clock.advance(299_000);
  assert.deepEqual(all(queue), []);
  await clock.advance(31_000);
  assert.deepEqual(all(queue), ["a"]);
});

test("a gated pod waits until its gates are gone; a change of status wakes nobody", () => {
  const { queue, add } = start();
  add("a", { gates: ["g"] });
  assert.deepEqual(all(queue), []);
  add("a");
  assert.deepEqual(all(queue), ["a"]);
  queue.rejected("a", ["TaintToleration"]);
  add("a", { status: { phase: "Pending" } });
  assert.deepEqual(all(queue), []);
  add("a", { tolerations: [{ operator: "Exists" }] });
  assert.deepEqual(all(queue), ["a"]);
  queue.remove("a");
  assert.equal(queue.get("a"), undefined);
});

test("a node helps a pod only when it would now take it", () => {
  const { queue, add } = start();
  add("a", { requests: { cpu: "2" } });
  queue.pop();
  queue.rejected("a", ["NodeResourcesFit", "TaintToleration"]);
  const tainted = node("n", { cpu: "1" }, { taints: [{ key: "k", effect: "NoSchedule" }] });
  queue.event({ kind: "node", node: tainted, old: undefined });
  assert.equal(queue.get("a")?.state, "unschedulable");
  queue.event({ kind: "node", node: node("n", { cpu: "1" }), old: tainted });
  assert.equal(queue.get("a")?.state, "backoff");
});
