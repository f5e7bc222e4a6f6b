/** The kubelet in virtual time, over a runtime and an API in memory: pauses, deadlines, probes, refusals and losses. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { must } from "#base/assert.ts";
import { leases } from "#resources/coordination/lease.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { simulatedContainer as container, SimulatedKubelet } from "#testing/simulated-kubelet.ts";
import { label } from "./plan/identity.ts";

const kubelet = new SimulatedKubelet();
const { api, clock, files, healthy, runtime } = kubelet;

before(() => kubelet.start());
after(() => kubelet.stop());

const create = (name: string, spec: Omit<Pod["spec"], "nodeName">): Promise<Pod> => kubelet.create(name, spec);
const shown = (name: string): NonNullable<Pod["status"]> => kubelet.shown(name);
const first = (name: string): ReturnType<SimulatedKubelet["first"]> => kubelet.first(name);
const remove = (name: string): Promise<Pod> => api.delete(pods, { namespace: "default", name });
const gone = (name: string) => (): boolean => api.find(pods, { namespace: "default", name }) === undefined;

test("the pause before a restart doubles from 10 seconds to 5 minutes", async () => {
  await create("crash", { containers: [container(["false"])] });
  const restartedAfter = async (count: number): Promise<number> =>
    await clock.until(() => (shown("crash")?.containerStatuses?.[0]?.restartCount ?? 0) >= count);
  await restartedAfter(1);
  const seconds: number[] = [];
  for (let count = 2; count <= 8; count += 1) seconds.push(Math.round((await restartedAfter(count)) / 1000));
  assert.deepEqual(seconds, [10, 20, 40, 80, 160, 300, 300]);
  await clock.advance(1000);
  assert.equal(
    first("crash").state?.waiting?.message?.replace(/\(.*\)/, "(uid)"),
    "back-off 5m0s restarting failed container=main pod=crash_default(uid)",
  );
  await remove("crash");
  await clock.until(gone("crash"));
});

test("a pod is ended at its deadline", async () => {
  await create("late", { activeDeadlineSeconds: 60, containers: [container(["sleep", "1000"])] });
  const tookMs = await clock.until(() => shown("late")?.phase === "Failed");
  // Times in a status are whole seconds.
  assert.ok(tookMs > 58_000 && tookMs < 63_000, `${tookMs}`);
  assert.equal(shown("late")?.reason, "DeadlineExceeded");
  await remove("late");
  await clock.until(gone("late"));
});

test("readiness follows its probe, and never restarts the container", async () => {
  const readinessProbe = { exec: { command: ["healthy"] }, periodSeconds: 5, failureThreshold: 2 };
  await create("probed", { containers: [container(["sleep", "10000"], { name: "probed", readinessProbe })] });
  const ready = (): boolean => first("probed").ready;
  await clock.until(() => first("probed").state?.running !== undefined);
  await clock.advance(60_000);
  assert.equal(ready(), false);
  healthy.add("probed");
  assert.ok((await clock.until(ready)) <= 5_000);
  healthy.delete("probed");
  const untilUnready = await clock.until(() => !ready());
  assert.ok(untilUnready > 5_000 && untilUnready <= 10_000, `${untilUnready}`);
  assert.equal(first("probed").restartCount, 0);
  await remove("probed");
  await clock.until(gone("probed"));
});

test("an image that cannot be pulled is tried again with pauses", async () => {
  await create("missing", { containers: [container(["true"], { image: "none:1" })] });
  await clock.until(() => first("missing").state?.waiting?.reason === "ErrImagePull");
  await clock.until(() => first("missing").state?.waiting?.reason !== "ErrImagePull");
  await create("wrong", { containers: [container(["true"], { image: "NOT an image" })] });
  await clock.until(() => first("wrong").state?.waiting?.reason === "InvalidImageName");
  for (const name of ["missing", "wrong"]) await remove(name);
  await clock.until(() => gone("missing")() && gone("wrong")());
});

test("a missing config map is waited for", async () => {
  const env = [{ name: "A", valueFrom: { configMapKeyRef: { name: "none", key: "a" } } }];
  await create("config", { containers: [container(["sleep", "10"], { env })] });
  await clock.until(() => first("config").state?.waiting?.reason === "CreateContainerConfigError");
  assert.equal(first("config").state?.waiting?.message, 'configmap "none" not found');
  await remove("config");
  await clock.until(gone("config"));
});

test("a pod that does not fit is refused", async () => {
  await create("large", { containers: [container(["true"], { resources: { requests: { cpu: "3" } } })] });
  await clock.until(() => shown("large")?.phase === "Failed");
  assert.deepEqual(
    [shown("large")?.reason, shown("large")?.message],
    ["OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"],
  );
  await create("kernel", {
    containers: [container(["true"])],
    securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] },
  });
  await clock.until(() => shown("kernel")?.reason === "SysctlForbidden");
  for (const name of ["large", "kernel"]) await remove(name);
  await clock.until(() => gone("large")() && gone("kernel")());
});

test("a lost sandbox is made anew, also when the runtime's events were lost with it", async () => {
  await create("lost", { containers: [container(["sleep", "100000"])] });
  await clock.until(() => first("lost").ready);
  const uid = must(api.find(pods, { namespace: "default", name: "lost" })?.metadata.uid, "the pod exists");
  const [sandbox] = await runtime.listPodSandboxes({ labelSelector: { [label.podUid]: uid } });
  runtime.loseEvents();
  await runtime.stopPodSandbox(must(sandbox, "there is a sandbox").id);
  await clock.until(() => first("lost").restartCount === 1 && first("lost").ready);
  assert.ok(api.events.some((event) => event.about === "lost" && event.reason === "SandboxChanged"));
  await remove("lost");
  await clock.until(gone("lost"));
});

test("a pod that vanished from the API is ended", async () => {
  await create("forced", { containers: [container(["sleep", "100000"])] });
  await clock.until(() => first("forced").ready);
  await api.delete(pods, { namespace: "default", name: "forced" }, { gracePeriodSeconds: 0 });
  await clock.advance(5_000);
  assert.deepEqual(await runtime.listPodSandboxes({}), []);
});

test("a pod whose hosts file or layer grows beyond its limit on the disk is evicted", async () => {
  const limited = container(["sleep", "100000"], { resources: { limits: { "ephemeral-storage": "1Mi" } } });
  for (const name of ["hosts", "layer"]) {
    await create(name, { containers: [{ ...limited, name }] });
    await clock.until(() => first(name).ready);
  }
  await clock.advance(120_000);
  assert.ok(first("hosts").ready && first("layer").ready);
  const { metadata } = must(api.find(pods, { namespace: "default", name: "hosts" }), "it was made");
  await files.rewrite(`/kubelet/pods/${metadata.uid}/etc-hosts`, Buffer.alloc((1 << 20) + 1));
  runtime.writtenBytes.set("layer", (1 << 20) + 1);
  const seconds = (await clock.until(() => ["hosts", "layer"].every((one) => shown(one)?.reason === "Evicted"))) / 1000;
  assert.ok(seconds <= 61, `${seconds} seconds`);
  assert.match(
    shown("hosts")?.message ?? "",
    /^Pod ephemeral local storage usage exceeds the total limit of containers/,
  );
  for (const name of ["hosts", "layer"]) await remove(name);
  await clock.until(() => gone("hosts")() && gone("layer")());
});

test("the node renews its lease, and reports when it runs short", async () => {
  const renewed = (): string | undefined =>
    api.find(leases, { namespace: "kube-node-lease", name: "node-1" })?.spec?.renewTime;
  const before = renewed();
  await clock.advance(11_000);
  assert.notEqual(renewed(), before);
  await create("spare", { containers: [container(["sleep", "100000"])] });
  await clock.until(() => first("spare").ready);
  await files.write("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 50000 kB\n", 0o444);
  await clock.until(() => shown("spare")?.reason === "Evicted");
  assert.equal(kubelet.node.status?.conditions?.find(({ type }) => type === "MemoryPressure")?.status, "True");
  assert.equal(
    shown("spare")?.conditions?.find(({ type }) => type === "DisruptionTarget")?.reason,
    "TerminationByKubelet",
  );
  assert.equal(first("spare").state?.terminated?.exitCode, 143);
});
