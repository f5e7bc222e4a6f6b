/** What the runtime is asked about a pod of many containers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulatedContainer, SimulatedKubelet } from "#testing/simulated-kubelet.ts";

const count = 40;

test("init containers that ended are not asked about again for each that follows", async () => {
  const node = new SimulatedKubelet();
  const asked = new Map<string, number>();
  const { runtime } = node;
  const answer = runtime.containerStatus.bind(runtime);
  runtime.containerStatus = (id) => {
    asked.set(id, (asked.get(id) ?? 0) + 1);
    return answer(id);
  };
  await node.start();
  const initContainers = Array.from({ length: count }, (_, at) => simulatedContainer(["true"], { name: `i${at}` }));
  await node.create("long", { initContainers, containers: [simulatedContainer()] });
  await node.clock.until(() => node.isReady("long"));
  assert.equal(asked.size, count + 1);
  const most = Math.max(...asked.values());
  assert.ok(most <= 5, `expected each to be asked about while it changes, found one that was asked ${most} times`);
  await node.stop();
});
