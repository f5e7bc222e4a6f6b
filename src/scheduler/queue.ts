/**
 * Pods that wait for a node. A pod is active (to be tried next), backing off (to be tried when it has waited, or when
 * nothing is active), unschedulable (until an event may have changed that), gated, or being scheduled.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/
 */
import { abortReason, type Clock, type Timer } from "#base/clock.ts";
import { deepEqual } from "#machinery/equal.ts";
import { Heap } from "./heap.ts";
import type { ClusterEvent, Hint, PluginName } from "./plugin.ts";
import type { PodFacts } from "./pod-facts.ts";

export type QueueState = "active" | "backoff" | "unschedulable" | "gated" | "scheduling";

export interface QueuedPod {
  readonly pod: PodFacts;
  readonly state: QueueState;
  /** How often it was tried. */
  readonly attempts: number;
  /** When it first came, on the monotonic clock. */
  readonly addedMs: number;
}

interface Entry extends QueuedPod {
  pod: PodFacts;
  state: QueueState;
  attempts: number;
  failures: number;
  /** When it was last put into the queue, and its place among those of the same priority. */
  queuedMs: number;
  order: number;
  rejectedBy: readonly PluginName[];
  /** Counts moves: what a heap holds of an earlier one is void. */
  moves: number;
}

interface Ticket {
  readonly entry: Entry;
  readonly move: number;
  /** When it has waited long enough. */
  readonly dueMs: number;
}

const backoffFirstMs = 1_000;
const backoffMaxMs = 10_000;
// A pod that no event has helped is tried again all the same, should an event have been misjudged.
const unschedulableMaxMs = 300_000;
const flushEveryMs = 30_000;
// While one pod is looked at; if more happens, it is worth another look in any case.
const missedMax = 1_000;

const isUrgent = (a: Ticket, b: Ticket): boolean =>
  a.entry.pod.priority === b.entry.pod.priority
    ? a.entry.order < b.entry.order
    : a.entry.pod.priority > b.entry.pod.priority;
const isDueFirst = (a: Ticket, b: Ticket): boolean => a.dueMs < b.dueMs;

export class SchedulingQueue {
  private readonly clock: Clock;
  private readonly hints: Readonly<Record<PluginName, Hint>>;
  private readonly entries = new Map<string, Entry>();
  private readonly unschedulable = new Set<Entry>();
  private readonly active = new Heap<Ticket>(isUrgent);
  private readonly backoff = new Heap<Ticket>(isDueFirst);
  // Pods whose last try failed for another reason than the cluster's state: these wait in any case.
  private readonly failed = new Heap<Ticket>(isDueFirst);
  // What has happened since the pod that is looked at was taken, for the case that it is turned down.
  private missed: ClusterEvent[] = [];
  private order = 0;
  private wake: (() => void) | undefined;
  private failedTimer: Timer | undefined;
  private flushTimer: Timer | undefined;

  constructor(clock: Clock, hints: Readonly<Record<PluginName, Hint>>) {
    this.clock = clock;
    this.hints = hints;
  }

  /** A pod without a node, new or changed. */
  set(pod: PodFacts): void {
    const entry = this.entries.get(pod.uid);
    if (!entry) {
      this.insert(pod);
      return;
    }
    const before = entry.pod;
    entry.pod = pod;
    if (entry.state === "gated") {
      if (!isGated(pod)) this.activate(entry);
    } else if (entry.state === "unschedulable" && mayDecideAnew(before, pod)) this.requeue(entry);
  }

  remove(uid: string): void {
    const entry = this.entries.get(uid);
    if (!entry) return;
    this.entries.delete(uid);
    this.leave(entry);
  }

  get(uid: string): QueuedPod | undefined {
    return this.entries.get(uid);
  }

  /** The next pod to try, which the caller then tells the outcome of; undefined when none is due. */
  pop(): QueuedPod | undefined {
    this.takeDue();
    const ticket = first(this.active) ? this.active.pop() : first(this.backoff) ? this.backoff.pop() : undefined;
    if (!ticket) return undefined;
    this.leave(ticket.entry);
    ticket.entry.state = "scheduling";
    this.missed = [];
    ticket.entry.attempts += 1;
    return ticket.entry;
  }

  /** Resolves when `pop` may have a pod, with whether that took waiting. Rejects when the signal is aborted. */
  async whenReady(signal: AbortSignal): Promise<boolean> {
    let waited = false;
    while (!first(this.active) && !first(this.backoff)) {
      if (signal.aborted) throw abortReason(signal);
      waited = true;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.wake = done;
        signal.addEventListener("abort", done, { once: true });
      });
    }
    return waited;
  }

  /** The cluster has no place for the pod, in the eyes of these plugins. */
  rejected(uid: string, by: readonly PluginName[]): void {
    const entry = this.returned(uid);
    if (!entry) return;
    entry.failures = 0;
    entry.rejectedBy = by;
    entry.state = "unschedulable";
    this.unschedulable.add(entry);
    const { missed } = this;
    this.missed = [];
    if (missed.length >= missedMax || missed.some((event) => this.helps(entry, event))) this.requeue(entry);
    this.flushTimer ??= this.clock.after(flushEveryMs, () => this.flush());
  }

  /** Something went wrong on the way. */
  failedOnce(uid: string): void {
    const entry = this.returned(uid);
    if (!entry) return;
    entry.failures += 1;
    entry.state = "backoff";
    const delayMs = backoffMs(entry.failures);
    this.failed.push(ticketOf(entry, entry.queuedMs + delayMs));
    this.armFailed();
  }

  /** Tries the pod as soon as possible, however long it should wait. */
  retry(uid: string): void {
    const entry = this.entries.get(uid);
    if (entry && (entry.state === "unschedulable" || entry.state === "backoff")) this.activate(entry);
  }

  /** Pods for which the event may have changed the outcome are tried again. */
  event(event: ClusterEvent): void {
    if (this.missed.length < missedMax) this.missed.push(event);
    for (const entry of this.unschedulable) if (this.helps(entry, event)) this.requeue(entry);
  }

  private helps({ pod, rejectedBy }: Entry, event: ClusterEvent): boolean {
    return rejectedBy.some((plugin) => this.hints[plugin](pod, event));
  }

  /** How many pods are in each state. */
  counts(): Readonly<Record<QueueState, number>> {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0, scheduling: 0 };
    for (const { state } of this.entries.values()) counts[state] += 1;
    return counts;
  }

  close(): void {
    this.failedTimer?.cancel();
    this.flushTimer?.cancel();
    this.failedTimer = undefined;
    this.flushTimer = undefined;
  }

  private insert(pod: PodFacts): void {
    const nowMs = this.clock.monotonicMs();
    this.order += 1;
    const entry: Entry = {
      pod,
      state: "gated",
      attempts: 0,
      failures: 0,
      addedMs: nowMs,
      queuedMs: nowMs,
      order: this.order,
      rejectedBy: [],
      moves: 0,
    };
    this.entries.set(pod.uid, entry);
    if (!isGated(pod)) this.activate(entry);
  }

  private returned(uid: string): Entry | undefined {
    const entry = this.entries.get(uid);
    if (!entry) return undefined;
    this.leave(entry);
    this.order += 1;
    entry.order = this.order;
    entry.queuedMs = this.clock.monotonicMs();
    return entry;
  }

  private requeue(entry: Entry): void {
    const dueMs = entry.queuedMs + backoffMs(entry.attempts);
    if (dueMs <= this.clock.monotonicMs()) {
      this.activate(entry);
      return;
    }
    this.leave(entry);
    entry.state = "backoff";
    this.backoff.push(ticketOf(entry, dueMs));
    this.wake?.();
  }

  private activate(entry: Entry): void {
    this.leave(entry);
    entry.state = "active";
    this.active.push(ticketOf(entry, 0));
    this.wake?.();
  }

  private leave(entry: Entry): void {
    this.unschedulable.delete(entry);
    entry.moves += 1;
  }

  private flush(): void {
    const dueMs = this.clock.monotonicMs() - unschedulableMaxMs;
    for (const entry of this.unschedulable) if (entry.queuedMs <= dueMs) this.requeue(entry);
    const again = this.unschedulable.size > 0;
    this.flushTimer = again ? this.clock.after(flushEveryMs, () => this.flush()) : undefined;
  }

  private armFailed(): void {
    this.failedTimer?.cancel();
    const due = first(this.failed);
    const delayMs = due ? Math.max(0, due.dueMs - this.clock.monotonicMs()) : 0;
    this.failedTimer = due ? this.clock.after(delayMs, () => this.takeDue()) : undefined;
  }

  private takeDue(): void {
    const nowMs = this.clock.monotonicMs();
    for (const heap of [this.backoff, this.failed])
      for (let due = first(heap); due && due.dueMs <= nowMs; due = first(heap)) {
        heap.pop();
        this.activate(due.entry);
      }
    this.armFailed();
  }
}

function ticketOf(entry: Entry, dueMs: number): Ticket {
  return { entry, move: entry.moves, dueMs };
}

function isValid({ entry, move }: Ticket): boolean {
  return entry.moves === move;
}

/** The least ticket that still holds; those before it are dropped. */
function first(heap: Heap<Ticket>): Ticket | undefined {
  for (let ticket = heap.least; ticket; ticket = heap.least) {
    if (isValid(ticket)) return ticket;
    heap.pop();
  }
  return undefined;
}

function backoffMs(attempts: number): number {
  return Math.min(backoffFirstMs * 2 ** (Math.max(attempts, 1) - 1), backoffMaxMs);
}

function isGated({ pod }: PodFacts): boolean {
  return (pod.spec.schedulingGates ?? []).length > 0;
}

/** What the pod says of itself has changed; its status does not count. */
function mayDecideAnew({ pod: before }: PodFacts, { pod }: PodFacts): boolean {
  return !deepEqual(before.spec, pod.spec) || !deepEqual(before.metadata.labels, pod.metadata.labels);
}
