/** A node whose disk is full: what goes, what stays, and what must not keep it full. In virtual time. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { RuntimeError } from "#host/cri.ts";
import { simulatedContainer as container, simulatedImage, SimulatedKubelet } from "#testing/simulated-kubelet.ts";

const gib = 1024 ** 3;

/** A kubelet with running pods, beside images that nobody uses. */
async function started(t: TestContext, pods: readonly string[], images: readonly string[]): Promise<SimulatedKubelet> {
  const kubelet = new SimulatedKubelet();
  for (const image of images) kubelet.runtime.imageNames.add(image);
  await kubelet.start();
  t.after(() => kubelet.stop());
  for (const name of pods) await kubelet.create(name, { containers: [container()] });
  await kubelet.clock.until(() => pods.every((name) => kubelet.first(name).ready));
  // Images count as unused after a while only, which the looks at them have to have seen.
  await kubelet.clock.advance(700_000);
  return kubelet;
}

function fill(kubelet: SimulatedKubelet): void {
  kubelet.files.disk = { ...kubelet.files.disk, capacityBytes: 100 * gib, availableBytes: 5 * gib };
}

function free(kubelet: SimulatedKubelet): void {
  kubelet.files.disk = { ...kubelet.files.disk, availableBytes: 90 * gib };
}

test("no pod is evicted when removing images was enough", async (t) => {
  const kubelet = await started(t, ["web"], ["unused:1"]);
  kubelet.runtime.imageRemoved = () => free(kubelet);
  fill(kubelet);
  await kubelet.clock.advance(120_000);
  assert.deepEqual(
    (await kubelet.runtime.listImages()).map(({ repoTags }) => repoTags),
    [[simulatedImage]],
  );
  assert.equal(kubelet.shown("web").phase, "Running");
});

test("an image that cannot be removed keeps neither others nor pods on a full disk", async (t) => {
  const kubelet = await started(t, ["web"], ["a-stuck:1", "b-unused:1"]);
  kubelet.runtime.imageRemoved = (name) => {
    if (name === "a-stuck:1") throw new RuntimeError("FailedPrecondition", "it is in use");
  };
  fill(kubelet);
  await kubelet.clock.until(() => kubelet.shown("web").reason === "Evicted");
  const left = (await kubelet.runtime.listImages()).flatMap(({ repoTags }) => repoTags);
  assert.deepEqual(
    left.filter((name) => name !== simulatedImage),
    ["a-stuck:1"],
  );
});

test("a pod that cannot be measured keeps no other from making room", async (t) => {
  const kubelet = await started(t, ["odd", "web"], []);
  const folderOf = kubelet.files.folder.bind(kubelet.files);
  kubelet.files.folder = (path) =>
    path.includes("_odd_") ? Promise.reject(new Error("input/output error")) : folderOf(path);
  fill(kubelet);
  await kubelet.clock.until(() => kubelet.shown("web").reason === "Evicted");
  assert.equal(kubelet.shown("odd").phase, "Running");
});
