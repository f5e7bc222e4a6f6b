/** Turns what the informers tell into changes of the snapshot and the queue, and events for pods that wait. */
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import type { Turns } from "#base/turns.ts";
import type { Change, InformerFactory } from "#client/informer.ts";
import { deepEqual } from "#machinery/equal.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { factsOf, isOver, type PodFacts } from "./pod-facts.ts";
import type { SchedulingQueue } from "./queue.ts";
import type { Snapshot } from "./snapshot.ts";
import { podView, type PodSeen } from "./pod-view.ts";

export const schedulerName = "default-scheduler";

export interface Observed {
  readonly snapshot: Snapshot;
  readonly queue: SchedulingQueue;
}

export interface ObserveParts {
  readonly informers: InformerFactory;
  readonly turns: Turns;
  readonly log: Log;
}

/** Resolves when all there is was taken, piece by piece; from then on each change is, until the signal is aborted. */
export async function observe(
  observed: Observed,
  { informers, turns, log }: ObserveParts,
  signal: AbortSignal,
): Promise<void> {
  // What there is, and what changes while it is taken: in the order it came. Undefined once all of it was.
  let backlog: (() => void)[] | undefined = [];
  const take = (work: () => void): void => {
    if (backlog) backlog.push(work);
    else work();
  };
  informers.informer(nodes).onChange((change) => take(() => nodeChanged(observed, change)), signal);
  informers.informer(podView).onChange((change) => take(() => podChanged(observed, change)), signal);
  await turns.through(all(backlog, log));
  backlog = undefined;
}

/** What fails says so, and keeps nothing else from being taken: as informers do. */
function* all(backlog: readonly (() => void)[], log: Log): Generator<undefined, void> {
  for (let at = 0; at < backlog.length; at += 1) {
    try {
      backlog[at]?.();
    } catch (error) {
      log.error("a change could not be taken", { error: messageOf(error) });
    }
    yield;
  }
}

function nodeChanged({ snapshot, queue }: Observed, change: Change<Node>): void {
  const { object: node, old } = change;
  if (change.type === "deleted") {
    snapshot.removeNode(node.metadata.name ?? "");
    queue.event({ kind: "nodeGone" });
    return;
  }
  snapshot.setNode(node);
  // Heartbeats help nobody.
  if (!old || placementDiffers(old, node)) queue.event({ kind: "node", node, old });
}

function placementDiffers(old: Node, node: Node): boolean {
  return (
    !deepEqual(old.spec.taints, node.spec.taints) ||
    old.spec.unschedulable !== node.spec.unschedulable ||
    !deepEqual(old.metadata.labels, node.metadata.labels) ||
    !deepEqual(old.status.allocatable, node.status.allocatable)
  );
}

function podChanged(observed: Observed, change: Change<PodSeen>): void {
  const { object: pod, old } = change;
  // A pod of the same name may have come in between unseen.
  if (old && old.metadata.uid !== pod.metadata.uid) podGone(observed, old);
  if (change.type === "deleted" || isOver(pod)) podGone(observed, pod);
  else if ((pod.spec.nodeName ?? "") !== "") podOnNode(observed, factsOf(pod));
  else if (pod.spec.schedulerName === schedulerName) podWaits(observed, factsOf(pod), old);
}

function podGone({ snapshot, queue }: Observed, pod: PodSeen): void {
  const uid = pod.metadata.uid ?? "";
  queue.remove(uid);
  snapshot.withdraw(uid);
  const placed = snapshot.placed(uid);
  if (!placed) return;
  snapshot.removePod(uid);
  queue.event({ kind: "podGone", pod: placed });
}

function podOnNode({ snapshot, queue }: Observed, pod: PodFacts): void {
  queue.remove(pod.uid);
  const before = snapshot.isAssumed(pod.uid) ? undefined : snapshot.placed(pod.uid);
  snapshot.setPod(pod);
  if (!before) queue.event({ kind: "podPlaced", pod });
  else if (matteringDiffers(before, pod)) queue.event({ kind: "podChanged", pod, old: before });
}

function matteringDiffers(before: PodFacts, after: PodFacts): boolean {
  return (
    before.pod.metadata.deletionTimestamp !== after.pod.metadata.deletionTimestamp ||
    !deepEqual(before.pod.metadata.labels, after.pod.metadata.labels) ||
    ![...before.requests.all].every(([name, amount]) => after.requests.all.get(name) === amount)
  );
}

function podWaits({ snapshot, queue }: Observed, pod: PodFacts, old: PodSeen | undefined): void {
  // It was just bound; this is what it was before.
  if (snapshot.isAssumed(pod.uid) && !queue.get(pod.uid)) return;
  queue.set(pod);
  const nominated = pod.pod.status.nominatedNodeName ?? "";
  // What the scheduler has decided since may not be in the status yet: only a change counts.
  if (nominated === (old?.status.nominatedNodeName ?? "")) return;
  if (nominated === "") snapshot.withdraw(pod.uid);
  else if (!snapshot.isAssumed(pod.uid)) snapshot.nominate(pod, nominated);
}
