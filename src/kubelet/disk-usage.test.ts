/** What pods have on disk, over files and a runtime in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#resources/core/pod.ts";
import { FakeRuntime } from "#testing/fake-runtime.ts";
import { MemoryFiles } from "#testing/memory-files.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { DiskMeter } from "./disk-usage.ts";
import { label } from "./plan/identity.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", uid: "1" },
  spec: {
    containers: [{ name: "main", resources: {} }],
    volumes: [
      { name: "disk", emptyDir: {} },
      { name: "memory", emptyDir: { medium: "Memory" } },
      { name: "secret", secret: {} },
      { name: "settings", configMap: {} },
    ],
  },
  status: {},
};
const never = new AbortController().signal;

test("everything a container can make grow counts, and what is in memory or another's does not", async () => {
  const clock = new VirtualClock();
  const runtime = new FakeRuntime({ clock, images: ["busybox:1"] });
  const sandboxConfig = { metadata: { name: "web", namespace: "shop", uid: "1", attempt: 0 }, labels: {} };
  const podSandboxId = await runtime.runPodSandbox({ config: sandboxConfig });
  const labels = { [label.podUid]: "1", [label.containerName]: "main" };
  const config = { metadata: { name: "main", attempt: 0 }, image: { image: "busybox:1" }, labels };
  await runtime.createContainer({ podSandboxId, config, sandboxConfig });
  runtime.writtenBytes.set("main", 1);
  const sized = (bytes: number): string => "x".repeat(bytes);
  const files = new MemoryFiles({
    "/pods/1/etc-hosts": sized(10),
    "/pods/1/containers/main/words": sized(100),
    "/pods/1/volumes/kubernetes.io~empty-dir/disk/a/b": sized(1_000),
    "/pods/1/volumes/kubernetes.io~empty-dir/memory/a": sized(7),
    "/pods/1/volumes/kubernetes.io~secret/secret/a": sized(7),
    "/pods/1/volumes/kubernetes.io~configmap/settings/a": sized(10_000),
    "/pods/1/volume-subpaths/disk/main/0/b": sized(7),
    "/logs/shop_web_1/main/0.log": sized(100_000),
    "/logs/shop_web_1/main/0.log.20260101-000000": sized(200_000),
    "/elsewhere/large": sized(7),
  });
  await files.symlink("/elsewhere", "/pods/1/volumes/kubernetes.io~empty-dir/disk/out");
  const meter = new DiskMeter({ runtime, files, clock, podLogsFolder: "/logs", podFolder: () => "/pods/1" });
  const used = await meter.measure(pod, await meter.layers(never), { pace: "urgent", signal: never });
  assert.deepEqual(used, {
    bytes: 311_111,
    containers: new Map([["main", 300_001]]),
    volumes: new Map([
      ["disk", 1_000],
      ["settings", 10_000],
    ]),
  });
});

test("a look that takes its time ends when the kubelet does", async () => {
  const clock = new VirtualClock();
  const runtime = new FakeRuntime({ clock, images: [] });
  const many = Array.from({ length: 1_000 }, (_, at) => [`/pods/1/volumes/kubernetes.io~empty-dir/disk/${at}`, ""]);
  const files = new MemoryFiles(Object.fromEntries(many));
  const meter = new DiskMeter({ runtime, files, clock, podLogsFolder: "/logs", podFolder: () => "/pods/1" });
  const life = new AbortController();
  const looking = meter.measure(pod, new Map(), { pace: "gentle", signal: life.signal });
  const outcome = assert.rejects(looking, { message: "enough" });
  await clock.advance(10);
  life.abort(new Error("enough"));
  await clock.advance(0);
  await outcome;
});
