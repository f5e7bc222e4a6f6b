/** Pods on the real containerd: they start, are probed, restart, show objects, survive kedge and end. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { must } from "#base/assert.ts";
import { machineClock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { createLog } from "#base/log.ts";
import { machineRandom } from "#base/random.ts";
import { bridgeName, writePodNetwork } from "#host/cni.ts";
import { Containerd } from "#host/containerd.ts";
import { importImages } from "#host/image-archive.ts";
import { stopContainers } from "#host/killall.ts";
import { run } from "#host/processes.ts";
import { locateBundle, type RuntimeBundle } from "#host/runtime-bundle.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { nodes } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { testMachine } from "#testing/machine.ts";
import { kubeletDefaults, type KubeletConfig } from "./config.ts";
import { createKubelet, type Kubelet } from "./kubelet.ts";

const root = join(import.meta.dirname, "../..");
const never = new AbortController().signal;
const within = (seconds: number): AbortSignal => AbortSignal.timeout(seconds * 1000);
const data = mkdtempSync("/tmp/kedge-kubelet-");
const bundle = (): RuntimeBundle => must(locateBundle(root), "the bundle is built before the tests");
const log = createLog({ clock: machineClock, level: "info", write: (line) => process.stderr.write(`${line}\n`) });
const parts = { clock: machineClock, log };

const config: KubeletConfig = {
  ...kubeletDefaults,
  nodeName: "node-1",
  hostname: "node-1",
  nodeIps: ["127.0.0.1"],
  rootFolder: join(data, "agent/kubelet"),
  podLogsFolder: join(data, "logs"),
  cgroupRoot: "/kedge-kubelet-test",
  staticPodFolder: join(data, "agent/pod-manifests"),
  clusterDns: ["10.96.0.10"],
  version: "v1.36.0+kedge.test",
};

const containerd = new Containerd({ bundle: bundle(), dataFolder: data, clock: machineClock, log });
const api = new MemoryApi();
const containerdLife = new AbortController();
let containerdDone: Promise<void>;
let stopKubelet: () => Promise<void>;
let kubelet: Kubelet;

function startKubelet(): void {
  const life = new AbortController();
  kubelet = createKubelet({
    client: api,
    informers: api,
    recorder: api,
    runtime: containerd.runtime,
    machine: testMachine(),
    random: machineRandom,
    config,
    ...parts,
  });
  const done = supervise(kubelet, parts, life.signal);
  stopKubelet = () => {
    life.abort(new Error("the test stops the kubelet"));
    return done;
  };
}

before(async () => {
  await run("sh", [join(root, "tools/node.sh"), join(root, "tools/runtime/build.ts")]);
  await run("sh", [join(root, "examples/images/build"), "busybox"]);
  mkdirSync(config.podLogsFolder);
  containerdDone = supervise(containerd, parts, containerdLife.signal);
  writePodNetwork(containerd.folders, { podCidrs: ["10.213.23.0/24"] });
  await containerd.ready(never);
  const archive = join(root, "examples/images/out/busybox.tar");
  await importImages(archive, { bundle: bundle(), socket: containerd.folders.socket }, never);
  startKubelet();
});

after(async () => {
  await stopKubelet();
  containerdLife.abort(new Error("the test stops containerd"));
  await containerdDone;
  await stopContainers(data, { clock: machineClock, signal: never });
  await run(bundle().ip, ["link", "delete", bridgeName(containerd.folders)]);
  rmSync(data, { recursive: true });
});

type Containers = NonNullable<Pod["spec"]>["containers"];
const image = "kedge.local/busybox:1";
const shell = (script: string, more: Partial<Containers[number]> = {}): Containers[number] => ({
  name: "main",
  image,
  command: ["sh", "-c", script],
  resources: {},
  ...more,
});

function podOf(name: string, spec: Omit<Pod["spec"], "nodeName">): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 2, ...spec, nodeName: "node-1" },
    status: {},
  };
}

const keyOf = (name: string): { namespace: string; name: string } => ({ namespace: "default", name });
const shown = (name: string): Pod["status"] => api.find(pods, keyOf(name))?.status ?? {};
const logOf = (name: string, container = "main", attempt = 0): string => {
  const pod = must(api.find(pods, keyOf(name)), "the pod exists");
  return readFileSync(
    join(config.podLogsFolder, `default_${name}_${pod.metadata.uid}`, container, `${attempt}.log`),
    "utf8",
  );
};

async function until(name: string, holds: (status: Pod["status"]) => boolean, seconds = 20): Promise<Pod["status"]> {
  try {
    return await api.until(() => (holds(shown(name)) ? shown(name) : undefined), within(seconds));
  } catch (error) {
    throw new Error(`found ${JSON.stringify(shown(name))} after ${JSON.stringify(api.events.slice(-8))}`, {
      cause: error,
    });
  }
}

const isReady = (status: Pod["status"]): boolean =>
  status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;

test("the node registers and becomes ready", async () => {
  const node = await api.until(() => {
    const found = api.find(nodes, { namespace: "", name: "node-1" });
    return found?.status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ? found : undefined;
  }, within(20));
  assert.equal(node.status?.capacity?.["pods"], "110");
  assert.match(node.status?.nodeInfo?.containerRuntimeVersion ?? "", /^containerd:\/\//);
});

test("a pod starts after its init containers, with its environment, volumes and address", async () => {
  await api.create(configMaps, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "default" },
    data: { greeting: "hello" },
  });
  const mounts = [{ name: "shared", mountPath: "/shared" }];
  await api.create(
    pods,
    podOf("web", {
      initContainers: [shell("echo from-init > /shared/file", { name: "init", volumeMounts: mounts })],
      containers: [
        shell("cat /shared/file /config/greeting; echo; echo $GREETING $POD_IP $(hostname); exec sleep 1000", {
          volumeMounts: [...mounts, { name: "config", mountPath: "/config" }],
          env: [
            { name: "GREETING", valueFrom: { configMapKeyRef: { name: "settings", key: "greeting" } } },
            { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          ],
          readinessProbe: { exec: { command: ["cat", "/config/greeting"] }, periodSeconds: 1 },
        }),
      ],
      volumes: [
        { name: "shared", emptyDir: {} },
        { name: "config", configMap: { name: "settings" } },
      ],
    }),
  );
  const status = await until("web", isReady);
  assert.equal(status?.phase, "Running");
  assert.match(status?.podIP ?? "", /^10\.213\.23\./);
  const text = logOf("web");
  assert.match(text, /from-init/);
  assert.match(text, new RegExp(`hello ${status?.podIP} web`));
});

test("a container that ends is started again, with a growing pause", async () => {
  await api.create(pods, podOf("crash", { containers: [shell("echo bye > /dev/termination-log; exit 3")] }));
  const status = await until(
    "crash",
    (one) => one?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff",
  );
  const container = must(status?.containerStatuses?.[0], "there is a container");
  assert.equal(container.restartCount, 1);
  assert.deepEqual([container.lastState?.terminated?.exitCode, container.lastState?.terminated?.message], [3, "bye\n"]);
});

test("a pod that never restarts ends as Succeeded or Failed", async () => {
  await api.create(pods, podOf("good", { restartPolicy: "Never", containers: [shell("exit 0")] }));
  await api.create(pods, podOf("bad", { restartPolicy: "Never", containers: [shell("exit 1")] }));
  await until("good", (one) => one?.phase === "Succeeded");
  const bad = await until("bad", (one) => one?.phase === "Failed");
  assert.equal(bad?.containerStatuses?.[0]?.state?.terminated?.reason, "Error");
});

test("a container that exceeds its memory is OOMKilled", async () => {
  const script = "head -c 100000000 /dev/zero | tail";
  const limited = shell(script, { resources: { limits: { memory: "16Mi" } } });
  await api.create(pods, podOf("hungry", { restartPolicy: "Never", containers: [limited] }));
  const status = await until("hungry", (one) => one?.phase === "Failed");
  assert.equal(status?.containerStatuses?.[0]?.state?.terminated?.reason, "OOMKilled");
});

test("a changed config map shows in the running pod", async () => {
  const settings = await api.get(configMaps, keyOf("settings"));
  await api.update(configMaps, { ...settings, data: { greeting: "goodbye" } });
  const pod = must(api.find(pods, keyOf("web")), "the pod exists");
  const path = join(
    config.rootFolder,
    "pods",
    pod.metadata.uid ?? "",
    "volumes/kubernetes.io~configmap/config/greeting",
  );
  while (readFileSync(path, "utf8") !== "goodbye") await machineClock.sleep(20, within(10));
});

test("containers survive a new start of the kubelet, which keeps what it knew", async () => {
  const before = shown("web")?.containerStatuses?.[0];
  await stopKubelet();
  startKubelet();
  await api.create(pods, podOf("later", { containers: [shell("sleep 1000")], hostNetwork: true }));
  await until("later", isReady);
  assert.deepEqual(shown("web")?.containerStatuses?.[0], before);
});

test("a deleted pod is stopped, and leaves nothing", async () => {
  const pod = must(api.find(pods, keyOf("web")), "the pod exists");
  const folder = join(config.rootFolder, "pods", pod.metadata.uid ?? "");
  assert.ok(existsSync(folder));
  for (const name of ["web", "crash", "good", "bad", "hungry", "later"])
    await api.delete(pods, keyOf(name), { gracePeriodSeconds: 1 });
  while (kubelet.pods.length > 0) await machineClock.sleep(20, within(20));
  assert.equal(api.find(pods, keyOf("web")), undefined);
  assert.ok(!existsSync(folder));
  assert.deepEqual(await containerd.runtime.listPodSandboxes({}, never), []);
  assert.equal(execFileSync("mount", { encoding: "utf8" }).includes(config.rootFolder), false);
});
