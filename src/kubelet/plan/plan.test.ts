/** The plan and the status of a pod, as tables: what was observed, and what follows from it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodStatus } from "#resources/core/pod-status.ts";
import { refusalOf } from "./admission.ts";
import { annotation, hashOf } from "./identity.ts";
import type { ObservedContainer, ObservedPod, ProbeKind, ProbeResult } from "./observation.ts";
import { planPod, type PodActions } from "./pod-actions.ts";
import { podStatus } from "./pod-status.ts";
import type { RestartPause } from "./restart.ts";
import { stopOrder } from "./termination.ts";

const nowMs = Date.parse("2026-11-21T10:00:00Z");
const second = 1e9;
const nowNs = nowMs * 1e6;

const container = (name: string, more: Partial<Container> = {}): Container => ({
  name,
  image: "busybox:1",
  resources: {},
  ...more,
});
const sidecar = (name: string, more: Partial<Container> = {}): Container =>
  container(name, { restartPolicy: "Always", ...more });

function pod(spec: Partial<Pod["spec"]>): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default", uid: "u1", generation: 1 },
    spec: { restartPolicy: "Always", containers: [container("a")], ...spec },
    status: {},
  };
}

type State = "running" | "created" | `exit ${number}`;

/** One observed container; `hash` differs from the container's own once its image was changed. */
function seen(name: string, state: State, more: Partial<ObservedContainer> = {}): ObservedContainer {
  const exitCode = state.startsWith("exit ") ? Number(state.slice(5)) : 0;
  return {
    id: `${name}-0`,
    podSandboxId: "s0",
    metadata: { name, attempt: 0 },
    state: state === "running" ? "CONTAINER_RUNNING" : state === "created" ? "CONTAINER_CREATED" : "CONTAINER_EXITED",
    createdAt: nowNs - 100 * second,
    startedAt: state === "created" ? 0 : nowNs - 100 * second,
    finishedAt: state.startsWith("exit ") ? nowNs - second : 0,
    exitCode,
    image: { image: "busybox:1" },
    imageRef: "sha256:1",
    imageId: "sha256:1",
    reason: "",
    message: "",
    labels: {},
    annotations: { [annotation.hash]: hashOf(container(name)) },
    mounts: [],
    logPath: "",
    stopSignal: "SIGTERM",
    ...more,
  };
}

function observed(containers: readonly ObservedContainer[], sandboxState: "ready" | "gone" = "ready"): ObservedPod {
  return {
    sandboxes: [
      {
        id: "s0",
        metadata: { name: "web", namespace: "default", uid: "u1", attempt: 0 },
        state: sandboxState === "ready" ? "SANDBOX_READY" : "SANDBOX_NOTREADY",
        createdAt: nowNs - 200 * second,
        labels: {},
        annotations: {},
        runtimeHandler: "",
        network: { ip: "10.0.0.5", additionalIps: [] },
      },
    ],
    containers,
  };
}

type Probes = Readonly<Record<string, ProbeResult>>;
const asProbes = (table: Probes) => (id: string, kind: ProbeKind) => table[`${id} ${kind}`] ?? "unknown";

/** A plan in one line, e.g. "start init a, kill b". */
function text(actions: PodActions): string {
  const parts = [
    ...(actions.killPod ? ["kill pod"] : []),
    ...(actions.createSandbox ? [`sandbox ${actions.createSandbox.attempt}`] : []),
    ...actions.kill.map(({ container: one, reason }) => `kill ${one.name} ${reason}`),
    ...actions.start.map(({ role, container: one, attempt }) => `start ${role} ${one.name} ${attempt}`),
    ...[...actions.waiting].map(([name, { reason }]) => `wait ${name} ${reason}`),
  ];
  return parts.join(", ");
}

interface PlanCase {
  readonly spec: Partial<Pod["spec"]>;
  readonly seen: ObservedPod;
  readonly probes?: Probes;
  readonly pauses?: Readonly<Record<string, RestartPause>>;
  readonly plan: string;
}

const none: ObservedPod = { sandboxes: [], containers: [] };
const two = { initContainers: [container("i"), container("j")] };
const withSidecar = { initContainers: [sidecar("s"), container("i")] };
const never = { restartPolicy: "Never" } as const;
const onFailure = { restartPolicy: "OnFailure" } as const;
const changed = { annotations: { [annotation.hash]: "other" } };

const plans: Readonly<Record<string, PlanCase>> = {
  "nothing there": { spec: {}, seen: none, plan: "sandbox 0, start container a 0" },
  "nothing there, with init containers": { spec: two, seen: none, plan: "sandbox 0, start init i 0" },
  "an empty sandbox": { spec: {}, seen: observed([]), plan: "start container a 0" },
  "the first init container runs": { spec: two, seen: observed([seen("i", "running")]), plan: "" },
  "the first init container succeeded": { spec: two, seen: observed([seen("i", "exit 0")]), plan: "start init j 0" },
  "all init containers succeeded": {
    spec: two,
    seen: observed([seen("j", "exit 0"), seen("i", "exit 0")]),
    plan: "start container a 0",
  },
  "an init container failed": { spec: two, seen: observed([seen("i", "exit 1")]), plan: "start init i 1" },
  "an init container failed for good": {
    spec: { ...two, ...never },
    seen: observed([seen("i", "exit 1")]),
    plan: "kill pod",
  },
  "a sidecar runs": { spec: withSidecar, seen: observed([seen("s", "running")]), plan: "start init i 0" },
  "a sidecar has not passed its startup probe": {
    spec: { initContainers: [sidecar("s", { startupProbe: {} })] },
    seen: observed([seen("s", "running")]),
    plan: "",
  },
  "a sidecar passed its startup probe": {
    spec: { initContainers: [sidecar("s", { startupProbe: {} })] },
    seen: observed([seen("s", "running")]),
    probes: { "s-0 startup": "success" },
    plan: "start container a 0",
  },
  "a sidecar ended while the pod works": {
    spec: withSidecar,
    seen: observed([seen("a", "running"), seen("i", "exit 0"), seen("s", "exit 0")]),
    plan: "start init s 1",
  },
  "a sidecar is left when the pod's work is done": {
    spec: { ...withSidecar, ...never },
    seen: observed([seen("a", "exit 0"), seen("i", "exit 0"), seen("s", "running")]),
    plan: "kill pod",
  },
  "everything runs": { spec: {}, seen: observed([seen("a", "running")]), plan: "" },
  "a container ended": { spec: {}, seen: observed([seen("a", "exit 0")]), plan: "start container a 1" },
  "a container succeeded, OnFailure": { spec: onFailure, seen: observed([seen("a", "exit 0")]), plan: "kill pod" },
  "a container failed, OnFailure": {
    spec: onFailure,
    seen: observed([seen("a", "exit 1")]),
    plan: "start container a 1",
  },
  "a container failed, Never": { spec: never, seen: observed([seen("a", "exit 1")]), plan: "kill pod" },
  "one of two ended, Never": {
    spec: { ...never, containers: [container("a"), container("b")] },
    seen: observed([seen("a", "exit 1"), seen("b", "running")]),
    plan: "",
  },
  "a container's rule restarts this exit code": {
    spec: {
      ...never,
      containers: [
        container("a", { restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }] }),
      ],
    },
    seen: observed([seen("a", "exit 42")]),
    plan: "start container a 1",
  },
  "a container waits for its pause": {
    spec: {},
    seen: observed([seen("a", "exit 1")]),
    pauses: { a: { delayMs: 10_000, startedAtMs: nowMs - 5_000 } },
    plan: "wait a CrashLoopBackOff",
  },
  "a container's pause is over": {
    spec: {},
    seen: observed([seen("a", "exit 1", { finishedAt: nowNs - 11 * second })]),
    pauses: { a: { delayMs: 10_000, startedAtMs: nowMs - 15_000 } },
    plan: "start container a 1",
  },
  "a container that ran long starts at once": {
    spec: {},
    seen: observed([seen("a", "exit 1")]),
    pauses: { a: { delayMs: 300_000, startedAtMs: nowMs - 700_000 } },
    plan: "start container a 1",
  },
  "a container failed its liveness probe": {
    spec: { containers: [container("a", { livenessProbe: {} })] },
    seen: observed([seen("a", "running")]),
    probes: { "a-0 liveness": "failure" },
    plan: "kill a FailedLivenessProbe",
  },
  "a container's image was changed": {
    spec: {},
    seen: observed([seen("a", "running", changed)]),
    plan: "kill a Changed",
  },
  "a container that was never started is made anew": {
    spec: {},
    seen: observed([seen("a", "created")]),
    plan: "start container a 1",
  },
  "the sandbox went": {
    spec: {},
    seen: observed([seen("a", "running")], "gone"),
    plan: "kill pod, sandbox 1, start container a 1",
  },
  "the sandbox went after the work was done": {
    spec: onFailure,
    seen: observed([seen("a", "exit 0")], "gone"),
    plan: "kill pod",
  },
  "the sandbox went, Never": { spec: never, seen: observed([seen("a", "exit 137")], "gone"), plan: "kill pod" },
  "an ephemeral container was added": {
    spec: { ephemeralContainers: [{ name: "debug", image: "busybox:1", resources: {} }] },
    seen: observed([seen("a", "running")]),
    plan: "start ephemeral debug 0",
  },
};

for (const [name, { spec, seen: what, probes = {}, pauses = {}, plan }] of Object.entries(plans))
  test(`plan: ${name}`, () => {
    const input = {
      pod: pod(spec),
      observed: what,
      probes: asProbes(probes),
      pauses: new Map(Object.entries(pauses)),
      endedAtMs: ({ finishedAt }: { readonly finishedAt: number }) => finishedAt / 1e6,
      nowMs,
    };
    assert.equal(text(planPod(input)), plan);
  });

function statusOf(
  spec: Partial<Pod["spec"]>,
  what: ObservedPod,
  more: { probes?: Probes; terminal?: boolean; messages?: ReadonlyMap<string, string> } = {},
): PodStatus {
  return podStatus({
    pod: pod(spec),
    observed: what,
    probes: asProbes(more.probes ?? {}),
    waiting: new Map(),
    messages: more.messages ?? new Map(),
    runtimeName: "containerd",
    terminal: more.terminal ?? false,
    hostIps: ["10.0.0.1"],
    nowMs,
  });
}

/** Phase and conditions in one line: "Running initialized ready". */
function summary(status: PodStatus): string {
  const holds = (type: string): boolean =>
    status.conditions?.some((one) => one.type === type && one.status === "True") === true;
  const shown = {
    Initialized: "initialized",
    ContainersReady: "containers-ready",
    Ready: "ready",
    PodReadyToStartContainers: "sandbox",
  };
  return [status.phase, ...Object.entries(shown).flatMap(([type, word]) => (holds(type) ? [word] : []))].join(" ");
}

interface StatusCase {
  readonly spec: Partial<Pod["spec"]>;
  readonly seen: ObservedPod;
  readonly probes?: Probes;
  readonly terminal?: boolean;
  readonly status: string;
}

const statuses: Readonly<Record<string, StatusCase>> = {
  "nothing there": { spec: {}, seen: none, status: "Pending initialized" },
  "an init container runs": { spec: two, seen: observed([seen("i", "running")]), status: "Pending sandbox" },
  "an init container failed for good": {
    spec: { ...two, ...never },
    seen: observed([seen("i", "exit 1")]),
    status: "Failed sandbox",
  },
  "an init container failed": { spec: two, seen: observed([seen("i", "exit 1")]), status: "Pending sandbox" },
  "a container runs": {
    spec: {},
    seen: observed([seen("a", "running")]),
    status: "Running initialized containers-ready ready sandbox",
  },
  "a container is not ready": {
    spec: { containers: [container("a", { readinessProbe: {} })] },
    seen: observed([seen("a", "running")]),
    probes: { "a-0 readiness": "failure" },
    status: "Running initialized sandbox",
  },
  "a gate is closed": {
    spec: { readinessGates: [{ conditionType: "example.com/gate" }] },
    seen: observed([seen("a", "running")]),
    status: "Running initialized containers-ready sandbox",
  },
  "a container ended and comes again": {
    spec: {},
    seen: observed([seen("a", "exit 1")]),
    status: "Running initialized sandbox",
  },
  "all succeeded": { spec: never, seen: observed([seen("a", "exit 0")]), status: "Succeeded initialized sandbox" },
  "one failed": { spec: never, seen: observed([seen("a", "exit 1")]), status: "Failed initialized sandbox" },
  "deleted while it ran": {
    spec: {},
    seen: observed([seen("a", "exit 137")]),
    terminal: true,
    status: "Failed initialized",
  },
  "deleted, and it ended well": {
    spec: {},
    seen: observed([seen("a", "exit 0")]),
    terminal: true,
    status: "Succeeded initialized",
  },
  "deleted before it started": { spec: {}, seen: none, terminal: true, status: "Failed initialized" },
};

for (const [name, { spec, seen: what, status, ...more }] of Object.entries(statuses))
  test(`status: ${name}`, () => assert.equal(summary(statusOf(spec, what, more)), status));

test("a container's status tells its state, its last one and how often it was started", () => {
  const again = seen("a", "running", { id: "a-1", metadata: { name: "a", attempt: 1 } });
  const [status] = statusOf({}, observed([again, seen("a", "exit 3", { reason: "Error" })])).containerStatuses ?? [];
  assert.deepEqual(
    [
      status?.state?.running?.startedAt,
      status?.lastState?.terminated?.exitCode,
      status?.restartCount,
      status?.containerID,
    ],
    ["2026-11-21T09:58:20Z", 3, 1, "containerd://a-1"],
  );
});

test("a condition keeps the time of its last change", () => {
  const before = pod({});
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }];
  const input = {
    observed: observed([seen("a", "running")]),
    probes: asProbes({}),
    waiting: new Map(),
    messages: new Map(),
  };
  const rest = { runtimeName: "containerd", terminal: false, hostIps: [], nowMs };
  const status = podStatus({ pod: { ...before, status: { conditions } }, ...input, ...rest });
  const time = (type: string): string | undefined =>
    status.conditions?.find((one) => one.type === type)?.lastTransitionTime;
  assert.deepEqual([time("Ready"), time("Initialized")], ["2026-01-01T00:00:00Z", "2026-11-21T10:00:00Z"]);
});

test("sidecars stop after the containers, the last one first", () => {
  const spec = {
    initContainers: [sidecar("s"), container("i"), sidecar("t")],
    containers: [container("a"), container("b")],
  };
  const all = ["a", "b", "s", "t"].map((name) => seen(name, "running"));
  const order = stopOrder(pod(spec), observed(all)).map((group) => group.map(({ metadata }) => metadata.name));
  assert.deepEqual(order, [["a", "b"], ["t"], ["s"]]);
});

test("a pod is refused for what the node lacks, but not for what only the scheduler counts", () => {
  const refused = (requests: Readonly<Record<string, string>>): string | undefined =>
    refusalOf({
      pod: pod({ containers: [{ name: "a", image: "i", resources: { requests } }] }),
      others: [],
      nodeName: "n",
      nodeLabels: {},
      allocatable: { pods: "1", cpu: "1", "example.com/near": "1" },
      allowedUnsafeSysctls: [],
    })?.reason;
  assert.equal(refused({ cpu: "2" }), "OutOfcpu");
  assert.equal(refused({ "example.com/near": "2" }), "OutOfexample.com/near");
  assert.equal(refused({ "example.com/far": "2" }), undefined);
});

test("termination messages of a pod have 12 KiB together, in equal parts, cut between two characters", () => {
  const containers = ["a", "b", "c", "d"].map((name) => container(name));
  const messages = new Map([["a-0", `${"x".repeat(3_071)}é and more`]]);
  const status = statusOf({ containers }, observed([seen("a", "exit 1")]), { messages });
  assert.equal(status.containerStatuses?.[0]?.state?.terminated?.message, "x".repeat(3_071));
});
