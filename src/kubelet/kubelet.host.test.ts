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
import { HttpClient } from "#wire/http-client.ts";
import { listen } from "#wire/http-server.ts";
import { Cgroups, detectCgroups } from "#host/cgroups.ts";
import { bridgeName, writePodNetwork } from "#host/cni.ts";
import { Containerd } from "#host/containerd.ts";
import { machineFiles } from "#host/files.ts";
import { importImages } from "#host/image-archive.ts";
import { stopContainers } from "#host/killall.ts";
import { run } from "#host/processes.ts";
import { locateBundle, type RuntimeBundle } from "#host/runtime-bundle.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { nodes } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { testRuntime } from "#testing/runtime-contract.ts";
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
  await run("sh", [join(root, "tools/node.sh"), join(root, "tools/runtime/build.ts")], { timeoutMs: 900_000 });
  await run("sh", [join(root, "examples/images/build"), "busybox"], { timeoutMs: 900_000 });
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
  await run(bundle().ip, ["link", "delete", bridgeName(containerd.folders)], { timeoutMs: 60_000 });
  await new Cgroups(detectCgroups()).remove(config.cgroupRoot);
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

/** The kubelet's answer to a request over HTTP. */
async function answered(path: string): Promise<string> {
  const server = await listen({ host: "127.0.0.1", port: 0, log }, (exchange) => kubelet.answer(exchange, true));
  const client = new HttpClient({ url: `http://127.0.0.1:${server.port}`, protocol: "h1" });
  const reply = await client.request({ method: "GET", target: path, signal: within(10) });
  const text = new TextDecoder().decode(await reply.bytes(1 << 20));
  client.close();
  await server.close(0);
  return text;
}

const isReady = (status: Pod["status"]): boolean =>
  status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;

testRuntime("containerd", {
  runtime: () => containerd.runtime,
  image: "kedge.local/busybox:1",
  logFolder: config.podLogsFolder,
  until: async (holds) => {
    while (!(await holds())) await machineClock.sleep(10, within(10));
  },
});

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
  assert.ok(status?.conditions?.every(({ reason, message }) => reason === undefined && message === undefined));
  assert.match(status?.podIP ?? "", /^10\.213\.23\./);
  const text = logOf("web");
  assert.match(text, /from-init/);
  assert.match(text, new RegExp(`hello ${status?.podIP} web`));
});

async function textFrom(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return new TextDecoder().decode(Buffer.concat(parts));
}

const main = (pod: string): { namespace: string; pod: string; container: string } => ({
  namespace: "default",
  pod,
  container: "main",
});

test("logs are read as a whole, from their end, and as they grow", async () => {
  const talk = shell("for i in 1 2 3; do echo line $i; done; sleep 1; echo late");
  await api.create(pods, podOf("talk", { restartPolicy: "Never", containers: [talk] }));
  await until("talk", isReady);
  const plain = { previous: false, timestamps: false, signal: within(10) };
  const followed = await kubelet.api.containerLogs({ ...main("talk"), ...plain, follow: true });
  assert.equal(await textFrom(followed), "line 1\nline 2\nline 3\nlate\n");
  const tail = await kubelet.api.containerLogs({ ...main("talk"), ...plain, follow: false, tailLines: 2 });
  assert.equal(await textFrom(tail), "line 3\nlate\n");
  const dated = await kubelet.api.containerLogs({
    ...main("talk"),
    ...plain,
    follow: false,
    tailLines: 1,
    timestamps: true,
  });
  assert.match(await textFrom(dated), /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-][\d:]+) late\n$/);
  await assert.rejects(kubelet.api.containerLogs({ ...main("talk"), ...plain, follow: false, previous: true }), {
    message: 'previous terminated container "main" in pod "talk" not found',
  });
});

test("a command in a container gets its input and tells its outcome", async () => {
  const wants = { stdin: true, stdout: true, stderr: true, tty: false };
  const command = await kubelet.api.exec(main("web"), ["sh", "-c", "cat; echo bad >&2; exit 7"], {
    wants,
    signal: within(10),
  });
  command.stdin?.end("given");
  const streams = [must(command.stdout, "stdout"), must(command.stderr, "stderr")];
  // Whoever breaks off one stream of a connection may break its end for the others.
  const read = streams.map((stream) => textFrom(stream.iterator({ destroyOnReturn: false })));
  const [out, err] = await Promise.all(read);
  assert.deepEqual([out, err], ["given", "bad\n"]);
  const status = JSON.parse(new TextDecoder().decode(await command.status));
  assert.deepEqual([status.reason, status.details.causes[0].message], ["NonZeroExitCode", "7"]);
  command.close();
});

test("a port of a pod is forwarded", async () => {
  const serve = shell("while true; do echo pong | nc -l -p 8080; done");
  await api.create(
    pods,
    podOf("port", {
      containers: [{ ...serve, readinessProbe: { tcpSocket: { port: 9999 }, failureThreshold: 1, periodSeconds: 1 } }],
    }),
  );
  await until("port", (status) => status?.phase === "Running");
  const forward = await kubelet.api.portForward({ namespace: "default", pod: "port" }, { signal: within(10) });
  const { data } = forward.open(8080);
  assert.equal(await textFrom(data), "pong\n");
  forward.close();
  assert.ok(!isReady(shown("port")));
});

test("a failing liveness probe restarts its container", async () => {
  const livenessProbe = { exec: { command: ["false"] }, periodSeconds: 1, failureThreshold: 1 };
  await api.create(
    pods,
    podOf("sick", { containers: [shell("sleep 1000", { livenessProbe })], terminationGracePeriodSeconds: 0 }),
  );
  const status = await until("sick", (one) => (one?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  assert.equal(status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137);
  assert.ok(api.events.some((event) => event.about === "sick" && event.reason === "Unhealthy"));
});

test("a sidecar starts first, and stops after the containers", async () => {
  const sidecar = shell("trap 'echo stopped; exit 0' TERM; while true; do sleep 0.1; done", {
    name: "side",
    restartPolicy: "Always",
    startupProbe: { exec: { command: ["true"] }, periodSeconds: 1 },
  });
  await api.create(
    pods,
    podOf("job", { restartPolicy: "Never", initContainers: [sidecar], containers: [shell("sleep 1")] }),
  );
  const status = await until("job", (one) => one?.phase === "Succeeded");
  const side = must(status?.initContainerStatuses?.[0]?.state?.terminated, "the sidecar ended");
  const own = must(status?.containerStatuses?.[0]?.state?.terminated, "the container ended");
  assert.ok((side.finishedAt ?? "") >= (own.finishedAt ?? ""));
  assert.equal(side.exitCode, 0);
});

test("a static pod runs from its manifest, and has a mirror", async () => {
  const path = join(must(config.staticPodFolder, "there is a folder"), "static.yaml");
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "static" },
    spec: { containers: [shell("sleep 1000")], terminationGracePeriodSeconds: 0 },
  };
  await machineFiles.write(path, JSON.stringify(manifest), 0o600);
  const status = await until("static-node-1", isReady);
  assert.equal(status?.phase, "Running");
  const before = api.find(pods, keyOf("static-node-1"))?.metadata.uid;
  await api.delete(pods, keyOf("static-node-1"));
  await until("static-node-1", isReady);
  assert.notEqual(api.find(pods, keyOf("static-node-1"))?.metadata.uid, before);
  await machineFiles.remove(path);
  await api.until(() => (api.find(pods, keyOf("static-node-1")) ? undefined : true), within(20));
});

test("what pods use is measured", async () => {
  const summary = JSON.parse(await answered("/stats/summary"));
  assert.ok(summary.node.memory.workingSetBytes > 0);
  const web = summary.pods.find((pod: { podRef: { name: string } }) => pod.podRef.name === "web");
  assert.equal(web.containers.length, 1);
  assert.ok(web.containers[0].memory.workingSetBytes > 0);
  assert.match(
    await answered("/metrics/resource"),
    /container_memory_working_set_bytes\{container="main",namespace="default",pod="web"\} \d+/,
  );
  assert.match(await answered("/metrics/cadvisor"), /container_cpu_usage_seconds_total\{container="main"/);
  assert.match(await answered("/metrics/probes"), /prober_probe_total\{probe_type="Readiness",result="successful"/);
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

test("a container's resources change while it runs", async () => {
  const resources = (cpu: string, memory: string): Pod["spec"]["containers"][number]["resources"] => ({
    requests: { cpu, memory },
    limits: { cpu, memory },
  });
  const resizable = shell("exec sleep 1000", { resources: resources("100m", "32Mi") });
  const made = await api.create(pods, podOf("sized", { containers: [resizable] }));
  const before = await until("sized", isReady);
  assert.equal(before?.containerStatuses?.[0]?.resources?.limits?.["cpu"], "100m");
  const next = { ...resizable, resources: resources("200m", "64Mi") };
  const spec = { ...made.spec, containers: [next] };
  const shownNow = must(api.find(pods, keyOf("sized")), "the pod exists");
  await api.update(pods, { ...shownNow, metadata: { ...shownNow.metadata, generation: 2 }, spec });
  const after = await until("sized", (one) => one?.containerStatuses?.[0]?.resources?.limits?.["cpu"] === "200m");
  const id = must(after?.containerStatuses?.[0]?.containerID, "it has an id").replace("containerd://", "");
  const status = await containerd.runtime.containerStatus(id, never);
  assert.deepEqual(
    [status?.resources?.linux?.cpuQuota, status?.resources?.linux?.memoryLimitInBytes],
    [20_000, 64 * 1024 * 1024],
  );
  assert.equal(after?.containerStatuses?.[0]?.restartCount, 0);
  await until(
    "sized",
    (one) =>
      one?.observedGeneration === 2 && one.conditions?.every(({ type }) => type !== "PodResizeInProgress") === true,
  );
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
  for (const { metadata } of (await api.list(pods, {})).items)
    await api.delete(pods, keyOf(metadata.name ?? ""), { gracePeriodSeconds: 1 });
  while (kubelet.api.pods().length > 0) await machineClock.sleep(20, within(20));
  assert.equal(api.find(pods, keyOf("web")), undefined);
  assert.ok(!existsSync(folder));
  assert.deepEqual(await containerd.runtime.listPodSandboxes({}, never), []);
  assert.equal(execFileSync("mount", { encoding: "utf8" }).includes(config.rootFolder), false);
});
