/** What the kubelet does when others interfere: foreign writers, a runtime that hangs, calls broken off, lost things. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, test } from "node:test";
import { must } from "#base/assert.ts";
import { leases } from "#resources/coordination/lease.ts";
import { nodes } from "#resources/core/node.ts";
import { pods } from "#resources/core/pod.ts";
import { simulatedContainer as container, SimulatedKubelet, simulatedNode } from "#testing/simulated-kubelet.ts";
import { label } from "./plan/identity.ts";

const kubelet = new SimulatedKubelet();
const { api, clock, faults, runtime } = kubelet;
const never = new AbortController().signal;

before(() => kubelet.start());
after(() => kubelet.stop());

const lookMs = 30_000;
const keyOf = (name: string): { namespace: string; name: string } => ({ namespace: "default", name });
const patchPod = (name: string, status: object): Promise<unknown> =>
  api.patch(
    { resource: pods, key: keyOf(name) },
    // Holds because a status is JSON.
    { type: "strategic", body: { status } as never },
  );
const renewed = (): string =>
  must(api.find(leases, { namespace: "kube-node-lease", name: "node-1" })?.spec?.renewTime, "there is a lease");
const sandboxesOf = async (uid: string | undefined): Promise<number> =>
  (await runtime.listPodSandboxes({ labelSelector: { [label.podUid]: uid ?? "" } })).length;

test("a pod's status that somebody else wrote is corrected at once", async () => {
  await kubelet.create("falsified", { containers: [container()] });
  await clock.until(() => kubelet.isReady("falsified"));
  const before = kubelet.shown("falsified");
  await clock.advance(60_000);
  await patchPod("falsified", {
    conditions: [{ type: "Ready", status: "False", reason: "NodeNotReady" }],
    podIP: "203.0.113.9",
    reason: "Gone",
  });
  assert.ok((await clock.until(() => kubelet.isReady("falsified"))) <= 1_000);
  assert.deepEqual(kubelet.shown("falsified"), before);
  await kubelet.remove("falsified");
});

test("two who write a pod's status against each other do so once a second at most", async () => {
  await kubelet.create("contested", { containers: [container()] });
  await clock.until(() => kubelet.isReady("contested"));
  let corrections = 0;
  const stop = new AbortController();
  api.informer(pods).onChange(({ object }) => {
    if (object.metadata.name !== "contested" || object.status?.phase === "Unknown") return;
    corrections += 1;
    void patchPod("contested", { phase: "Unknown" });
  }, stop.signal);
  await clock.advance(20_000);
  stop.abort();
  assert.ok(corrections > 10 && corrections <= 22, `${corrections}`);
  await clock.advance(2_000);
  assert.equal(kubelet.shown("contested").phase, "Running");
  await kubelet.remove("contested");
});

test("conditions of others stay in a pod's status", async () => {
  await kubelet.create("gated", { containers: [container()] });
  await clock.until(() => kubelet.isReady("gated"));
  await patchPod("gated", { conditions: [{ type: "example.com/checked", status: "True" }] });
  await clock.advance(lookMs);
  assert.ok(kubelet.shown("gated").conditions?.some(({ type }) => type === "example.com/checked"));
  await kubelet.remove("gated");
});

test("the node's status that somebody else wrote is corrected at once, what an administrator adds stays", async () => {
  await clock.until(() => kubelet.nodeReady().status === "True");
  const falsify = {
    conditions: [{ type: "Ready", status: "Unknown", reason: "NodeStatusUnknown" }],
    capacity: { cpu: "1000", "example.com/dongle": "4", "hugepages-1Gi": "100Gi" },
    addresses: [{ type: "InternalIP", address: "203.0.113.1" }],
  };
  await api.patch({ resource: nodes, key: simulatedNode }, { type: "strategic", body: { status: falsify } });
  await clock.advance(100);
  assert.equal(kubelet.nodeReady().status, "True");
  const { capacity, allocatable, addresses } = must(kubelet.node.status, "a node has a status");
  assert.deepEqual(
    [capacity?.["cpu"], capacity?.["example.com/dongle"], allocatable?.["example.com/dongle"]],
    ["2", "4", "4"],
  );
  assert.equal(capacity?.["hugepages-1Gi"], undefined);
  assert.deepEqual(
    addresses?.map(({ address }) => address),
    ["192.0.2.1", "node-1"],
  );
});

test("a node that was deleted comes back", async () => {
  await api.delete(nodes, simulatedNode);
  assert.ok((await clock.until(() => api.find(nodes, simulatedNode) !== undefined)) <= lookMs);
  await clock.advance(1_000);
  assert.equal(kubelet.nodeReady().status, "True");
});

test("while the runtime hangs the lease is renewed, the node says why it is not ready, and comes back in seconds", async () => {
  const probe = { exec: { command: ["healthy"] }, periodSeconds: 5, failureThreshold: 1, timeoutSeconds: 1 };
  kubelet.healthy.add("patient");
  await kubelet.create("patient", { containers: [container(["serve"], { name: "patient", livenessProbe: probe })] });
  await clock.until(() => kubelet.isReady("patient"));
  faults.hang();
  assert.ok((await clock.until(() => kubelet.nodeReady().status === "False")) <= 25_000);
  assert.match(kubelet.nodeReady().message ?? "", /^container runtime is down: .*status within 10 s/);
  for (let round = 0; round < 8; round += 1) {
    const before = renewed();
    await clock.advance(11_000);
    assert.notEqual(renewed(), before, `round ${round}`);
  }
  faults.goOn();
  assert.ok((await clock.until(() => kubelet.nodeReady().status === "True")) <= 12_000);
  await clock.advance(60_000);
  // That it could not be asked is no answer: nothing was restarted for it.
  assert.deepEqual([kubelet.isReady("patient"), kubelet.first("patient").restartCount], [true, 0]);
  await kubelet.remove("patient");
});

test("what is being made for a pod is finished before the pod that nobody wants any more is ended", async () => {
  for (const method of ["runPodSandbox", "createContainer", "startContainer"] as const) {
    faults.slowMs.set(method, 2_000);
    const pod = await kubelet.create(`early-${method.toLowerCase()}`, { containers: [container()] });
    await clock.advance(1_000);
    await kubelet.remove(pod.metadata.name ?? "");
    await clock.advance(5_000);
    assert.equal(await sandboxesOf(pod.metadata.uid), 0, method);
    faults.slowMs.delete(method);
  }
  assert.equal(faults.leaked, 0);
});

test("sandboxes, groups and processes that no pod has are removed", async () => {
  await runtime.runPodSandbox({
    config: {
      metadata: { name: "nobody", namespace: "default", uid: "nobodys", attempt: 0 },
      labels: { [label.podUid]: "nobodys" },
    },
  });
  kubelet.groups.add("/kubepods/burstable/podnobodys");
  kubelet.groups.add("/kubepods/podlong-gone");
  kubelet.shims = [{ process: { pid: 4711, startTicks: 1 }, sandboxId: "forgotten" }];
  await clock.advance(3 * lookMs);
  assert.equal(await sandboxesOf("nobodys"), 0);
  assert.deepEqual(kubelet.shims, []);
  assert.deepEqual(
    [...kubelet.groups].filter((path) => path.includes("/pod")),
    [],
  );
});

test("a process whose sandbox may still be in the making is left alone", async () => {
  faults.slowMs.set("runPodSandbox", 100_000);
  const pod = await kubelet.create("slow", { containers: [container()] });
  await clock.advance(1_000);
  kubelet.shims = [{ process: { pid: 4712, startTicks: 1 }, sandboxId: "unborn" }];
  await clock.advance(80_000);
  assert.equal(kubelet.shims.length, 1);
  kubelet.shims = [];
  faults.slowMs.delete("runPodSandbox");
  await clock.until(() => kubelet.isReady("slow"));
  await kubelet.remove(pod.metadata.name ?? "");
});

test("a container that ended without an event is noticed within half a minute", async () => {
  const pod = await kubelet.create("quiet", { containers: [container()] });
  await clock.until(() => kubelet.isReady("quiet"));
  await clock.advance(5_000);
  const { containerID } = kubelet.first("quiet");
  runtime.vanish(must(containerID?.split("//")[1], "it has an id"));
  const isAnother = (): boolean => ![undefined, containerID].includes(kubelet.first("quiet").containerID);
  assert.ok((await clock.until(isAnother)) <= lookMs);
  await clock.until(() => kubelet.isReady("quiet"));
  await kubelet.remove(pod.metadata.name ?? "");
});

test("a volume whose folder somebody removed is made anew as it was at first, and the pod is told", async () => {
  const pod = await kubelet.create("robbed", {
    securityContext: { fsGroup: 7 },
    volumes: [{ name: "work", emptyDir: {} }],
    containers: [container(["serve"], { volumeMounts: [{ name: "work", mountPath: "/work" }] })],
  });
  await clock.until(() => kubelet.isReady("robbed"));
  const path = `/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/work`;
  const before = await kubelet.files.facts(path);
  assert.deepEqual([before?.gid, before?.mode], [7, 0o2777]);
  await kubelet.files.remove(path);
  const [running] = await runtime.listContainers({ labelSelector: { [label.podUid]: pod.metadata.uid ?? "" } });
  await runtime.stopContainer({ containerId: must(running, "it runs").id, timeoutSeconds: 0 });
  await clock.until(() => kubelet.first("robbed").restartCount === 1 && kubelet.isReady("robbed"));
  const { gid, mode } = must(await kubelet.files.facts(path), "the folder is there again");
  assert.deepEqual([gid, mode], [7, 0o2777]);
  assert.ok(api.events.some(({ about, message }) => about === "robbed" && message.includes("found it removed")));
  await kubelet.remove("robbed");
});

test("readiness is told while another container of the pod is being stopped", async () => {
  const readinessProbe = { exec: { command: ["healthy"] }, periodSeconds: 5, failureThreshold: 1 };
  const livenessProbe = { exec: { command: ["false"] }, periodSeconds: 5, failureThreshold: 1 };
  kubelet.healthy.add("steady");
  await kubelet.create("pair", {
    terminationGracePeriodSeconds: 300,
    containers: [
      container(["serve"], { name: "dying", livenessProbe, lifecycle: { preStop: { sleep: { seconds: 200 } } } }),
      container(["serve"], { name: "steady", readinessProbe }),
    ],
  });
  const steadyIsReady = (): boolean =>
    kubelet.shown("pair").containerStatuses?.find(({ name }) => name === "steady")?.ready === true;
  await clock.until(steadyIsReady);
  await clock.until(() => api.events.some(({ about, reason }) => about === "pair" && reason === "Killing"));
  kubelet.healthy.delete("steady");
  assert.ok((await clock.until(() => !steadyIsReady())) <= 6_000);
  await api.delete(pods, keyOf("pair"), { gracePeriodSeconds: 0 });
  await clock.advance(60_000);
});

test("a delete does not wait for another pod's download", async () => {
  faults.slowMs.set("pullImage", 600_000);
  await kubelet.create("downloads", { containers: [container(["serve"], { image: "large:1" })] });
  await clock.advance(1_000);
  await kubelet.create("waits", { containers: [container(["serve"], { image: "other:1" })] });
  await clock.advance(1_000);
  const sinceMs = clock.monotonicMs();
  await kubelet.remove("waits");
  assert.ok(clock.monotonicMs() - sinceMs < 5_000);
  await kubelet.remove("downloads");
  faults.slowMs.delete("pullImage");
});

test("a pod that asks for a user namespace of its own is not run as if it had not", async () => {
  const pod = await kubelet.create("rootless", { hostUsers: false, containers: [container()] });
  await clock.advance(5_000);
  assert.equal(await sandboxesOf(pod.metadata.uid), 0);
  assert.equal(kubelet.shown("rootless").phase, "Pending");
  const event = api.events.find(({ about, reason }) => about === "rootless" && reason === "FailedCreatePodSandBox");
  assert.match(event?.message ?? "", /hostUsers: false/);
  await kubelet.remove("rootless");
});

test("an HTTP probe of a pod in the host's network asks the node's address", async () => {
  const asked: string[] = [];
  kubelet.http = ({ url }) => {
    asked.push(url);
    return Promise.resolve({ status: 200, body: "" });
  };
  const livenessProbe = { httpGet: { port: 8080, path: "/" }, periodSeconds: 1 };
  await kubelet.create("host", { hostNetwork: true, containers: [container(["serve"], { livenessProbe })] });
  await clock.until(() => asked.length > 0);
  assert.equal(asked[0], "http://192.0.2.1:8080/");
  await kubelet.remove("host");
});

test("the first liveness probe comes a period after the pod, readiness is asked at once", async () => {
  const countOf = (command: string): number => kubelet.commands.filter((one) => one.command === command).length;
  await kubelet.create("probed", {
    containers: [
      container(["serve"], {
        livenessProbe: { exec: { command: ["alive"] }, periodSeconds: 10 },
        readinessProbe: { exec: { command: ["ready"] }, periodSeconds: 10 },
      }),
    ],
  });
  await clock.advance(1_000);
  assert.deepEqual([countOf("alive"), countOf("ready")], [0, 1]);
  await clock.advance(9_500);
  assert.deepEqual([countOf("alive"), countOf("ready")], [1, 2]);
  await kubelet.remove("probed");
});

test("setting the wall clock back by a year moves no pause, no probe and no deadline", async () => {
  await kubelet.create("crash", { containers: [container(["false"])] });
  await kubelet.create("late", { activeDeadlineSeconds: 60, containers: [container(["sleep", "1000"])] });
  const livenessProbe = { exec: { command: ["tick"] }, periodSeconds: 10, initialDelaySeconds: 20 };
  await clock.until(() => kubelet.shown("crash").containerStatuses?.[0]?.restartCount === 1);
  clock.step(-365 * 86_400_000);
  await kubelet.create("after", { containers: [container(["serve"], { livenessProbe })] });
  assert.ok((await clock.until(() => kubelet.first("crash").restartCount === 2)) <= 11_000);
  assert.ok((await clock.until(() => kubelet.commands.some(({ command }) => command === "tick"))) <= 31_000);
  assert.ok((await clock.until(() => kubelet.shown("late").reason === "DeadlineExceeded")) <= 60_000);
  for (const name of ["crash", "late", "after"]) await kubelet.remove(name);
});

test("setting the wall clock ahead by an hour ends no pod before its time", async () => {
  await kubelet.create("on-time", { activeDeadlineSeconds: 600, containers: [container()] });
  await clock.until(() => kubelet.isReady("on-time"));
  clock.step(3_600_000);
  await clock.advance(300_000);
  assert.equal(kubelet.shown("on-time").phase, "Running");
  await kubelet.remove("on-time");
});

test("a kubelet that has just started says 503 until it knows its pods", async () => {
  const other = new SimulatedKubelet();
  await other.start();
  await other.create("web", { containers: [container()] });
  await other.clock.until(() => other.isReady("web"));
  await other.stop();
  await other.start();
  const target = { namespace: "default", pod: "web", container: "main", previous: false };
  const logs = (): Promise<unknown> =>
    other.running.api.containerLogs({ ...target, follow: false, timestamps: false, signal: never });
  await logs();
  await other.stop();
  other.faults.hang();
  const starting = other.start();
  const refused = assert.rejects(logs(), { code: 503 });
  await other.clock.advance(11_000);
  await refused;
  await starting;
  await other.stop();
});

test("a static pod that was edited is started once the one it replaces has given its port back", async () => {
  const other = new SimulatedKubelet();
  await other.start({ staticPodFolder: "/manifests" });
  const write = (value: string): Promise<void> =>
    other.files.write(
      "/manifests/web.yaml",
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "web" },
        spec: {
          containers: [
            container(["serve"], { env: [{ name: "A", value }], ports: [{ containerPort: 80, hostPort: 8080 }] }),
          ],
        },
      }),
      0o644,
    );
  await write("1");
  await other.clock.until(() => other.isReady("web-node-1"));
  const before = other.pod("web-node-1")?.metadata.uid;
  await write("2");
  await other.clock.until(() => ![undefined, before].includes(other.pod("web-node-1")?.metadata.uid));
  await other.clock.until(() => other.shown("web-node-1").phase !== undefined);
  await other.clock.advance(60_000);
  assert.deepEqual([other.shown("web-node-1").phase, other.isReady("web-node-1")], ["Running", true]);
  await other.stop();
});

test("a resize that was refused is still refused after a new start", async () => {
  const other = new SimulatedKubelet();
  await other.start();
  const requests = (cpu: string): object => ({ resources: { requests: { cpu, memory: "10Mi" } } });
  for (const name of ["big", "small"])
    await other.create(name, { containers: [container(["serve"], requests(name === "big" ? "1500m" : "200m"))] });
  await other.clock.until(() => other.isReady("big") && other.isReady("small"));
  const body = { spec: { containers: [{ name: "main", ...requests("1") }] } };
  await other.api.patch({ resource: pods, key: keyOf("small") }, { type: "strategic", body });
  const pending = (): string | undefined =>
    other.shown("small").conditions?.find(({ type }) => type === "PodResizePending")?.reason;
  await other.clock.until(() => pending() === "Deferred");
  await other.stop();
  await other.start();
  await other.clock.advance(60_000);
  assert.equal(pending(), "Deferred");
  assert.equal(other.first("small").allocatedResources?.["cpu"], "200m");
  await other.remove("big");
  await other.clock.until(() => pending() === undefined);
  await other.clock.advance(1_000);
  assert.equal(other.first("small").allocatedResources?.["cpu"], "1");
  await other.stop();
});

test("a pod that cannot be worked on says so, and the others go on", async () => {
  const broken = await kubelet.create("broken", {
    // Refused by the API server; one that lets it through must not stop the node.
    containers: [{ name: "main" } as never],
    volumes: [null as never],
  });
  await kubelet.create("beside", { containers: [container()] });
  await clock.until(() => kubelet.isReady("beside"));
  await clock.advance(60_000);
  assert.equal(kubelet.isReady("beside"), true);
  await api.delete(pods, keyOf(broken.metadata.name ?? ""), { gracePeriodSeconds: 0 });
  await kubelet.remove("beside");
});

test("an ended pod that cannot be taken down says why, and goes once it can", async () => {
  faults.failing.set("removePodSandbox", "a mount is left");
  await kubelet.create("stuck", { restartPolicy: "Never", containers: [container(["true"])] });
  await clock.until(() => kubelet.shown("stuck").phase === "Succeeded");
  const [sandbox] = await runtime.listPodSandboxes({ labelSelector: { [label.podName]: "stuck" } });
  await api.delete(pods, keyOf("stuck"));
  await clock.until(() => api.events.some(({ about, reason }) => about === "stuck" && reason === "FailedKillPod"));
  faults.failing.delete("removePodSandbox");
  await clock.advance(120_000);
  assert.equal(await runtime.podSandboxStatus(must(sandbox, "there was one").id), undefined);
});

test("nothing of a pod is kept once it is gone", async () => {
  const life = must(runtime.followedFor, "the runtime's events are followed");
  const listeners = (): number => getEventListeners(life, "abort").length;
  const before = listeners();
  const livenessProbe = { exec: { command: ["true"] }, periodSeconds: 1 };
  for (let count = 0; count < 20; count += 1)
    await kubelet.create(`brief-${count}`, { containers: [container(["serve"], { livenessProbe })] });
  await clock.until(() => kubelet.isReady("brief-19"));
  await clock.advance(3_000);
  for (let count = 0; count < 20; count += 1) await kubelet.remove(`brief-${count}`);
  await clock.advance(lookMs);
  // What waits for time to pass differs from moment to moment; twenty pods do not hide in that.
  assert.ok(listeners() - before < 5, `${before} before, ${listeners()} after`);
  assert.doesNotMatch(await kubelet.answered("/metrics/probes"), /brief/);
});
