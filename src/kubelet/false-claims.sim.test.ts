/** Annotations by which pods claim to be what they are not: anybody may write them into a pod of the API. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pods, type Pod } from "#resources/core/pod.ts";
import { simulatedContainer as container, SimulatedKubelet, simulatedNode } from "#testing/simulated-kubelet.ts";
import { annotation } from "./plan/identity.ts";

const kubelet = new SimulatedKubelet();
const { api, clock } = kubelet;

before(() => kubelet.start({ staticPodFolder: "/manifests" }));
after(() => kubelet.stop());

const claiming = (name: string, annotations: Readonly<Record<string, string>>): Promise<Pod> =>
  api.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", annotations },
    spec: { nodeName: simulatedNode.name, containers: [container()] },
    status: {},
  });

test("a pod that claims to come from a file goes when it is deleted", async () => {
  await claiming("from-file", { [annotation.configSource]: "file", [annotation.configHash]: "abc" });
  await clock.until(() => kubelet.isReady("from-file"));
  await api.delete(pods, { namespace: "default", name: "from-file" });
  await clock.advance(120_000);
  assert.equal(kubelet.pod("from-file"), undefined);
});

test("a pod that claims to be the mirror of another pod shows nothing of it, and takes nothing from it", async () => {
  const victim = await kubelet.create("victim", { containers: [container()] });
  await clock.until(() => kubelet.isReady("victim"));
  const uid = victim.metadata.uid ?? "";
  await claiming("thief", { [annotation.configMirror]: uid });
  await clock.advance(5_000);
  assert.deepEqual(kubelet.shown("thief"), {});
  const status = { phase: "Unknown" };
  await api.patch(
    { resource: pods, key: { namespace: "default", name: "victim" } },
    { type: "strategic", body: { status } },
  );
  await clock.advance(5_000);
  assert.equal(kubelet.shown("victim").phase, "Running");
  await kubelet.remove("thief");
  await kubelet.remove("victim");
});

test("the mirror of a static pod under another name shows nothing of it", async () => {
  const manifest = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: { containers: [container()] } };
  await kubelet.files.write("/manifests/web.yaml", JSON.stringify(manifest), 0o644);
  await clock.until(() => kubelet.isReady("web-node-1"));
  const uid = kubelet.pod("web-node-1")?.metadata.annotations?.[annotation.configMirror] ?? "";
  await claiming("second-mirror", { [annotation.configMirror]: uid });
  await clock.advance(5_000);
  assert.deepEqual(kubelet.shown("second-mirror"), {});
  await kubelet.remove("second-mirror");
  assert.equal(kubelet.isReady("web-node-1"), true);
});

test("a pod of the API that has the name of a static pod is not taken for its mirror", async () => {
  await kubelet.create("app-node-1", { containers: [container()] });
  await clock.until(() => kubelet.isReady("app-node-1"));
  const manifest = { apiVersion: "v1", kind: "Pod", metadata: { name: "app" }, spec: { containers: [container()] } };
  await kubelet.files.write("/manifests/app.yaml", JSON.stringify(manifest), 0o644);
  await clock.advance(60_000);
  await kubelet.files.remove("/manifests/app.yaml");
  await clock.advance(60_000);
  assert.equal(kubelet.isReady("app-node-1"), true);
  await kubelet.remove("app-node-1");
});
