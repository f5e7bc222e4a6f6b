/**
 * Keeps a pod's status in the API as this node knows it. Others write there too - the control plane while it hears
 * nothing of the node, people, other programs - so that what counts is what the API shows, never what was last written.
 */
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import type { Client } from "#client/client.ts";
import { deepEqual } from "#machinery/equal.ts";
import { keyOf } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { isReason } from "#machinery/status.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { PodCondition, PodStatus } from "#resources/core/pod-status.ts";
import { newer } from "./plan/newer.ts";
import { ownConditions } from "./plan/pod-status.ts";

export interface StatusParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
}

/** Fields of a pod's status that others write. */
const foreign: ReadonlySet<string> = new Set([
  "conditions",
  "resourceClaimStatuses",
  "extendedResourceClaimStatus",
  "nominatedNodeName",
]);

/** Two writers that want different things never write more often than this against each other. */
const correctEveryMs = 1_000;

interface Change {
  readonly status: PodStatus;
  readonly seen: Pod;
}

export class StatusWriter {
  private readonly parts: StatusParts;
  private readonly loop: Reconciled<PodStatus, Pod, Change>;
  private wanted: PodStatus | undefined;
  /** The pod as the API has it: of what its watch told and what it answered, the newer. */
  private shown: Pod;
  /** What the API made of the last status that was written: it may store it in another form. */
  private accepted: { readonly wanted: PodStatus; readonly made: PodStatus | undefined } | undefined;
  /** The last status that the API will not have, however often it is sent: too large, or against its rules. */
  private refused: PodStatus | undefined;
  /** True when the pod is gone, or another of its name is there: nobody is left to tell. */
  private lost = false;
  private writtenAtMs = Number.NEGATIVE_INFINITY;
  private waiting: (() => void)[] = [];

  constructor(parts: StatusParts, pod: Pod) {
    this.parts = parts;
    this.shown = pod;
    this.loop = new Reconciled(
      {
        name: `status of ${pod.metadata.namespace}/${pod.metadata.name}`,
        observe: () => Promise.resolve(this.shown),
        compare: (status) => this.difference(status),
        act: (change) => this.write(change),
      },
      parts,
    );
  }

  /** The last status that was given. */
  get latest(): PodStatus | undefined {
    return this.wanted;
  }

  run(signal: AbortSignal): Promise<void> {
    return this.loop.run(signal).finally(() => this.settle());
  }

  /** The pod as the API has it now; for static pods its mirror. */
  follow(pod: Pod): void {
    const shown = newer(pod, this.shown);
    if (shown === this.shown) return;
    this.shown = shown;
    this.lost = false;
    if (!this.wanted || this.difference(this.wanted) === undefined) return;
    const sinceMs = this.parts.clock.monotonicMs() - this.writtenAtMs;
    this.loop.look(Math.max(correctEveryMs - sinceMs, 0));
  }

  want(status: PodStatus): void {
    // A status that says the same is the same: what the API made of it need not be asked again.
    if (!this.wanted || !deepEqual(this.wanted, status)) this.wanted = status;
    this.loop.want(this.wanted);
  }

  /** Resolves once the API shows the newest status, or cannot any more, or will not: nothing waits for that for ever. */
  async flush(signal: AbortSignal): Promise<void> {
    while (
      !signal.aborted &&
      this.wanted &&
      this.wanted !== this.refused &&
      this.difference(this.wanted) !== undefined
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
  }

  private difference(status: PodStatus): Change | undefined {
    const { shown, accepted } = this;
    const asMade = accepted?.wanted === status && accepted.made !== undefined && showsSame(accepted.made, shown.status);
    if (this.lost || asMade || showsSame(status, shown.status)) {
      this.settle();
      return undefined;
    }
    return { status, seen: shown };
  }

  private settle(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async write(change: Change): Promise<void> {
    const { client, clock } = this.parts;
    this.writtenAtMs = clock.monotonicMs();
    try {
      const pod = await client.patch(
        { resource: pods, key: keyOf(change.seen) },
        // Holds because a status is JSON.
        { type: "strategic", body: bodyOf(change) as unknown as JsonObject },
        { subresource: "status" },
      );
      this.accepted = { wanted: change.status, made: pod.status };
      this.shown = newer(pod, this.shown);
    } catch (error) {
      if (isRefusal(error)) {
        this.refused = change.status;
        this.settle();
      }
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
      this.lost = true;
    }
    this.settle();
  }
}

const refusals: readonly string[] = ["RequestEntityTooLarge", "Invalid", "BadRequest"];

function isRefusal(error: unknown): boolean {
  return refusals.some((reason) => isReason(error, reason));
}

/** The patch that makes the status of `seen` the wanted one. */
function bodyOf({ status, seen }: Change): object {
  const { metadata, status: before } = seen;
  const given = new Map(Object.entries(status));
  const cleared = Object.keys(before ?? {}).filter((field) => !foreign.has(field) && given.get(field) === undefined);
  const body: Record<string, unknown> = { ...status, ...Object.fromEntries(cleared.map((field) => [field, null])) };
  // Lists with merge keys keep what is not named; these two are the node's alone.
  const replace = { $patch: "replace" };
  if (status.podIPs ?? before?.podIPs) body["podIPs"] = [...(status.podIPs ?? []), replace];
  if (status.hostIPs) body["hostIPs"] = [...status.hostIPs, replace];
  body["conditions"] = conditionsPatch(status, before?.conditions ?? []);
  return { metadata: { uid: metadata.uid ?? "" }, status: body };
}

/** Conditions are merged by type: what an earlier one had and the new one has not must be taken away by name. */
function conditionsPatch(status: PodStatus, before: readonly PodCondition[]): readonly unknown[] {
  const had = (type: string, field: "reason" | "message"): boolean =>
    before.some((one) => one.type === type && one[field] !== undefined);
  const present = (status.conditions ?? []).map((condition) => ({
    ...condition,
    ...(condition.reason === undefined && had(condition.type, "reason") && { reason: null }),
    ...(condition.message === undefined && had(condition.type, "message") && { message: null }),
  }));
  const gone = new Set(before.map(({ type }) => type).filter((type) => ownConditions.includes(type)));
  for (const { type } of status.conditions ?? []) gone.delete(type);
  return [...present, ...[...gone].map((type) => ({ $patch: "delete", type }))];
}

/** Whether the API already shows this, other parties' conditions aside. */
function showsSame(status: PodStatus, shown: PodStatus | undefined): boolean {
  if (!shown) return false;
  const own = (conditions: PodStatus["conditions"]): unknown[] =>
    (conditions ?? [])
      .filter(({ type }) => ownConditions.includes(type))
      .map(({ type, status: value, reason, message, observedGeneration, lastTransitionTime }) => [
        type,
        value,
        reason,
        message,
        observedGeneration,
        lastTransitionTime,
      ])
      .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  const plain = (one: PodStatus): object => ({
    ...one,
    ...Object.fromEntries([...foreign].map((field) => [field, undefined])),
    conditions: own(one.conditions),
  });
  return deepEqual(plain(status), plain(shown));
}
