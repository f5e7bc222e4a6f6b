/** What is planned and shown of a pod looks at each of its containers a few times, however many there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { counted } from "#testing/counted.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { PodTimes } from "../pod-times.ts";
import { annotation, hashOf } from "./identity.ts";
import { containerById, findContainer, type ObservedContainer, type ObservedPod } from "./observation.ts";
import { planPod } from "./pod-actions.ts";
import { podStatus } from "./pod-status.ts";
import { grantedBefore } from "./resize.ts";
import { stopOrder } from "./termination.ts";

const count = 1_000;
// A look may read a container for each of its fields, in each of the questions that are asked of it.
const readsOfContainerMax = 700;
const nowMs = Date.parse("2026-11-21T10:00:00Z");

const many = (prefix: string, more: Partial<Container> = {}): Container[] =>
  Array.from({ length: count }, (_, at) => ({
    name: `${prefix}${at}`,
    image: "busybox:1",
    resources: { requests: { cpu: "1m" } },
    ...more,
  }));

const podOf = (spec: Pod["spec"]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "u1", generation: 1 },
  spec: { restartPolicy: "Always", ...spec },
  status: {},
});

function observedOf(containers: readonly Container[], state: ObservedContainer["state"]): ObservedPod {
  const common = { createdAt: 1, labels: {}, annotations: {} };
  return {
    sandboxes: [
      {
        ...common,
        id: "s0",
        metadata: { name: "web", namespace: "default", uid: "u1", attempt: 0 },
        state: "SANDBOX_READY",
        runtimeHandler: "",
        network: { ip: "10.0.0.1", additionalIps: [] },
      },
    ],
    containers: containers.map((container) => ({
      ...common,
      id: `${container.name}-0`,
      podSandboxId: "s0",
      metadata: { name: container.name, attempt: 0 },
      state,
      startedAt: 1,
      finishedAt: state === "CONTAINER_EXITED" ? 2 : 0,
      exitCode: 0,
      image: { image: "busybox:1" },
      imageRef: "sha256:1",
      imageId: "sha256:1",
      reason: "",
      message: "",
      annotations: { [annotation.hash]: hashOf(container) },
      mounts: [],
      logPath: "",
      stopSignal: "",
      resources: { linux: { cpuShares: 2 } },
    })),
  };
}

/** One look at the pod, and all that follows from it. */
function look(pod: Pod, observed: ObservedPod, times: PodTimes): Pod["status"] {
  const probes = (): "unknown" => "unknown";
  times.look(observed);
  for (const id of observed.containers.map((one) => one.id)) containerById(observed, id);
  for (const { name } of pod.spec.containers) findContainer(pod, name);
  grantedBefore(pod);
  planPod({ pod, observed, probes, pauses: new Map(), endedAtMs: (one) => times.endedAtMs(one), nowMs });
  stopOrder(pod, observed);
  const known = { waiting: new Map(), messages: new Map(), runtimeName: "containerd", hostIps: ["192.0.2.1"], nowMs };
  podStatus({ pod, observed, probes, ...known, terminal: true });
  return podStatus({ pod, observed, probes, ...known, terminal: false });
}

const plain = many("c");
const inits = many("i");
const sidecars = many("s", { restartPolicy: "Always" });
const rows: readonly (readonly [string, Pod, ObservedPod])[] = [
  ["containers that run", podOf({ containers: plain }), observedOf(plain, "CONTAINER_RUNNING")],
  ["containers that ended", podOf({ containers: plain }), observedOf(plain, "CONTAINER_EXITED")],
  [
    "init containers that ended",
    podOf({ initContainers: inits, containers: plain }),
    observedOf(inits, "CONTAINER_EXITED"),
  ],
  [
    "sidecars that run",
    podOf({ initContainers: sidecars, containers: plain.slice(0, 1) }),
    observedOf(sidecars, "CONTAINER_RUNNING"),
  ],
];

for (const [name, pod, observed] of rows)
  test(`${name}: each is read a few times in a look`, () => {
    const reads = { reads: 0 };
    const times = new PodTimes(new VirtualClock());
    const before = counted({ pod, observed }, reads);
    const status = look(before.pod, before.observed, times);
    const after = counted({ pod: { ...pod, status }, observed }, reads);
    look(after.pod, after.observed, times);
    assert.ok(reads.reads > count, `expected the look to read the containers, found ${reads.reads} reads`);
    assert.ok(reads.reads < count * readsOfContainerMax, `expected a few reads of each, found ${reads.reads} reads`);
  });
