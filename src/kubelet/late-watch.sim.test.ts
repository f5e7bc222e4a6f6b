/** A kubelet that hears of its pods late: what it has brought to an end stays as it ended. In virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pods } from "#resources/core/pod.ts";
import { SimulatedKubelet, simulatedContainer } from "#testing/simulated-kubelet.ts";

test("a pod that ended, and that a finalizer keeps in the API, is not begun again from what was told late", async (context) => {
  const kubelet = new SimulatedKubelet();
  await kubelet.start();
  context.after(() => kubelet.stop());
  kubelet.api.informersLateMs = 3_000;
  const key = { namespace: "default", name: "job" };
  await kubelet.api.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...key, finalizers: ["batch.kubernetes.io/job-tracking"] },
    spec: { containers: [simulatedContainer(["true"])], restartPolicy: "Never", nodeName: "node-1" },
    status: {},
  });
  await kubelet.api.delete(pods, key);
  await kubelet.clock.until(() => kubelet.shown("job").phase === "Succeeded");
  const ended = kubelet.first("job").state;
  await kubelet.clock.advance(120_000);
  assert.equal(kubelet.shown("job").phase, "Succeeded");
  assert.deepEqual(kubelet.first("job").state, ended);
});
