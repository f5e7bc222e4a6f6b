import assert from "node:assert/strict";
import { test } from "node:test";
import { Ages } from "#machinery/ages.ts";
import { decode } from "#machinery/decode.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { podColumns } from "./pod-columns.ts";
import { podShape, type Pod } from "./pod.ts";

const nowMs = Date.parse("2024-01-01T01:00:00Z");

function cells(pod: { spec?: JsonObject; status?: JsonObject; metadata?: JsonObject }): string {
  const value: JsonValue = { spec: { containers: [{ name: "a" }] }, ...pod };
  // Holds because decoding by the shape makes a pod.
  const decoded = decode(podShape, value).object as unknown as Pod;
  return podColumns
    .slice(1, 4)
    .map((column) => column.value(decoded, new Ages(nowMs)))
    .join(" ");
}

const running = { name: "a", ready: true, state: { running: {} } };
const ended = (exitCode: number, reason = ""): JsonObject => ({
  name: "a",
  state: { terminated: { exitCode, reason } },
});
const restarted = { lastState: { terminated: { exitCode: 1, finishedAt: "2024-01-01T00:58:00Z" } } };
const sidecarSpec = {
  containers: [{ name: "a" }],
  initContainers: [{ name: "s", restartPolicy: "Always" }, { name: "i" }],
};
const gone = { deletionTimestamp: "2024-01-01T00:00:00Z" };

const cases: readonly (readonly [string, Parameters<typeof cells>[0], string])[] = [
  ["a new pod", { status: { phase: "Pending" } }, "0/1 Pending 0"],
  ["a running pod", { status: { phase: "Running", containerStatuses: [running] } }, "1/1 Running 0"],
  [
    "a crashing pod",
    {
      status: {
        phase: "Running",
        containerStatuses: [
          { name: "a", restartCount: 3, state: { waiting: { reason: "CrashLoopBackOff" } }, ...restarted },
        ],
      },
    },
    "0/1 CrashLoopBackOff 3 (2m ago)",
  ],
  ["a finished pod", { status: { phase: "Succeeded", containerStatuses: [ended(0, "Completed")] } }, "0/1 Completed 0"],
  ["a failed pod without reason", { status: { phase: "Failed", containerStatuses: [ended(3)] } }, "0/1 ExitCode:3 0"],
  ["an evicted pod", { status: { phase: "Failed", reason: "Evicted" } }, "0/1 Evicted 0"],
  [
    "a gated pod",
    { status: { phase: "Pending", conditions: [{ type: "PodScheduled", reason: "SchedulingGated" }] } },
    "0/1 SchedulingGated 0",
  ],
  [
    "a pod in its first init container",
    { spec: sidecarSpec, status: { phase: "Pending", initContainerStatuses: [{ name: "s", state: { waiting: {} } }] } },
    "0/2 Init:0/2 0",
  ],
  [
    "a pod whose init container failed behind a running sidecar",
    {
      spec: sidecarSpec,
      status: {
        phase: "Pending",
        initContainerStatuses: [
          { name: "s", started: true, ready: true, state: { running: {} } },
          { ...ended(1, "Error"), name: "i", restartCount: 2 },
        ],
      },
    },
    "1/2 Init:Error 2",
  ],
  [
    "a pod that is half done",
    { status: { phase: "Running", containerStatuses: [ended(0, "Completed"), { ...running, name: "b" }] } },
    "1/1 NotReady 0",
  ],
  [
    "a pod being deleted",
    { metadata: gone, status: { phase: "Running", containerStatuses: [running] } },
    "1/1 Terminating 0",
  ],
  ["a pod on a lost node", { metadata: gone, status: { phase: "Running", reason: "NodeLost" } }, "0/1 Unknown 0"],
];
for (const [name, pod, shown] of cases) test(`${name} shows as "${shown}"`, () => assert.equal(cells(pod), shown));
