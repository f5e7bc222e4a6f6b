/** What the scheduler writes: pods to nodes, why a pod waits, and the end of pods that must make room. */
import { rfc3339, type Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import type { Recorder } from "#client/recorder.ts";
import { keyOf } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { isReason } from "#machinery/status.ts";
import { pods } from "#resources/core/pod.ts";
import type { PodCondition } from "#resources/core/pod-status.ts";
import type { PodSeen } from "./pod-view.ts";

export interface WriterParts {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly clock: Clock;
}

// As long as the message of an event may be.
const messageMax = 1024;

/** @throws StatusError as the API server decided, e.g. "Conflict" when the pod has a node. */
export async function bind({ client, recorder }: WriterParts, pod: PodSeen, nodeName: string): Promise<void> {
  const { namespace = "", name = "", uid = "" } = pod.metadata;
  await client.post(
    { resource: untyped(pods), key: keyOf(pod), subresource: "binding" },
    {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { namespace, name, uid },
      target: { kind: "Node", name: nodeName },
    },
  );
  const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
  recorder.record(pod, { type: "Normal", reason: "Scheduled", message });
}

export interface Failure {
  readonly reason: "Unschedulable" | "SchedulerError";
  readonly message: string;
  /** The node that room is made on for the pod; "" for none any more; absent: as before. */
  readonly nominatedNodeName?: string;
}

/** Says why the pod has no node: as an event, and in its status unless that says so already. */
export async function report({ client, recorder, clock }: WriterParts, pod: PodSeen, failure: Failure): Promise<void> {
  const { reason, message, nominatedNodeName } = failure;
  recorder.record(pod, { type: "Warning", reason: "FailedScheduling", message: shortened(message) });
  const changed = conditionPatch(pod, { type: "PodScheduled", status: "False", reason, message }, clock);
  const renominated = nominatedNodeName !== undefined && nominatedNodeName !== (pod.status.nominatedNodeName ?? "");
  if (!changed && !renominated) return;
  await patchStatus(client, pod, {
    ...(changed ? { conditions: [changed] } : {}),
    ...(renominated ? { nominatedNodeName: nominatedNodeName === "" ? null : nominatedNodeName } : {}),
  });
}

/** The pod waits for room on no node any more. */
export async function clearNomination({ client }: WriterParts, pod: PodSeen): Promise<void> {
  if (pod.status.nominatedNodeName !== undefined) await patchStatus(client, pod, { nominatedNodeName: null });
}

/** Deletes a pod that stands in the way of one with a higher priority. */
export async function evict(
  parts: WriterParts,
  victim: PodSeen,
  { preemptor, nodeName }: { readonly preemptor: PodSeen; readonly nodeName: string },
): Promise<void> {
  const { client, recorder, clock } = parts;
  const message = `${preemptor.spec.schedulerName ?? ""}: preempting to accommodate a higher priority pod`;
  const target = { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", message };
  const changed = conditionPatch(victim, target, clock);
  const { uid } = victim.metadata;
  try {
    if (changed) await patchStatus(client, victim, { conditions: [changed] });
    await client.delete(pods, keyOf(victim), uid === undefined ? {} : { uid });
  } catch (error) {
    if (isReason(error, "NotFound")) return;
    throw error;
  }
  recorder.record(victim, {
    type: "Normal",
    reason: "Preempted",
    message: `Preempted by pod ${preemptor.metadata.uid ?? ""} on node ${nodeName}`,
  });
}

function patchStatus(client: Client, pod: PodSeen, status: JsonObject): Promise<PodSeen> {
  const { uid } = pod.metadata;
  const metadata = uid === undefined ? {} : { uid };
  return client.patch(
    { resource: pods, key: keyOf(pod) },
    { type: "strategic", body: { metadata, status } },
    { subresource: "status" },
  );
}

/** What must be written so that the pod has the condition; undefined when it has it. */
function conditionPatch(pod: PodSeen, wanted: PodCondition, clock: Clock): JsonObject | undefined {
  const before = pod.status.conditions?.find(({ type }) => type === wanted.type);
  const { type, status, reason = "", message = "" } = wanted;
  const { generation } = pod.metadata;
  if (before?.status === status && before.reason === reason && before.message === message) return undefined;
  return {
    type,
    status,
    reason,
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastProbeTime: null,
    ...(before?.status === status ? {} : { lastTransitionTime: rfc3339(clock.nowMs()) }),
  };
}

function shortened(message: string): string {
  const end = " ...";
  return message.length <= messageMax ? message : `${message.slice(0, messageMax - end.length)}${end}`;
}
