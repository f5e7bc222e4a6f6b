/** Writes a pod's status to the API: the newest only, one write at a time, again after a failure. */
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import { keyOf } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { isReason } from "#machinery/status.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import type { PodCondition, PodStatus } from "#resources/core/pod-status.ts";
import { ownConditions } from "./plan/pod-status.ts";

export interface StatusParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
}

/** Fields of a status that vanish when they are no longer given. */
const clearable = ["reason", "message", "podIP", "initContainerStatuses", "ephemeralContainerStatuses"] as const;

export class StatusWriter {
  private readonly parts: StatusParts;
  private readonly signal: AbortSignal;
  private target: Pod;
  private wanted: PodStatus | undefined;
  /** What the API holds as far as is known, as text. */
  private written: string | undefined;
  /** The last status that was written: newer than what the API's watch has told so far. */
  private confirmed: PodStatus | undefined;
  private writing: Promise<void> | undefined;

  constructor(parts: StatusParts, pod: Pod, signal: AbortSignal) {
    this.parts = parts;
    this.target = pod;
    this.signal = signal;
  }

  /** The last status that was given. */
  get latest(): PodStatus | undefined {
    return this.wanted;
  }

  /** The pod as the API has it now; for static pods its mirror. */
  follow(pod: Pod): void {
    if (pod.metadata.uid !== this.target.metadata.uid) {
      // A new mirror of a static pod knows nothing yet.
      this.written = undefined;
      this.confirmed = undefined;
    }
    this.target = pod;
  }

  write(status: PodStatus): void {
    this.wanted = status;
    this.writing ??= this.run().finally(() => {
      this.writing = undefined;
    });
  }

  /** Resolves once the newest status is written, or cannot be any more. */
  async flush(): Promise<void> {
    while (this.writing) await this.writing;
  }

  private async run(): Promise<void> {
    const { clock, log } = this.parts;
    const backoff = new Backoff({ firstMs: 200, maxMs: 10_000, resetAfterMs: 60_000, clock });
    while (!this.signal.aborted) {
      const status = this.wanted;
      const text = JSON.stringify(status);
      if (!status || text === this.written || sameStatus(status, this.target.status)) {
        this.written = text;
        return;
      }
      try {
        await this.patch(status);
        this.written = text;
        this.confirmed = status;
      } catch (error) {
        // The pod is gone, or another of its name is there: nobody is left to tell.
        if (isReason(error, "NotFound") || isReason(error, "Conflict")) return;
        log.warn("status not written", { pod: this.target.metadata.name, error: messageOf(error) });
        await clock.sleep(backoff.nextMs(), this.signal).catch(() => undefined);
      }
    }
  }

  private async patch(status: PodStatus): Promise<void> {
    const { metadata, status: before } = this.target;
    const cleared = clearable.filter(
      (field) => status[field] === undefined && (before?.[field] ?? this.confirmed?.[field]) !== undefined,
    );
    const body: Record<string, unknown> = { ...status, ...Object.fromEntries(cleared.map((field) => [field, null])) };
    // Lists with merge keys keep what is not named; these two are the node's alone.
    const replace = { $patch: "replace" };
    if (status.podIPs ?? before?.podIPs) body["podIPs"] = [...(status.podIPs ?? []), replace];
    if (status.hostIPs) body["hostIPs"] = [...status.hostIPs, replace];
    body["conditions"] = conditionsPatch(status, [
      ...(before?.conditions ?? []),
      ...(this.confirmed?.conditions ?? []),
    ]);
    await this.parts.client.patch(
      { resource: pods, key: keyOf(this.target) },
      // Holds because a status is JSON.
      { type: "strategic", body: { metadata: { uid: metadata.uid ?? "" }, status: body } as unknown as JsonObject },
      { subresource: "status" },
    );
  }
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
function sameStatus(status: PodStatus, shown: PodStatus | undefined): boolean {
  if (!shown) return false;
  const own = (conditions: PodStatus["conditions"]): unknown =>
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
  const plain = (one: PodStatus): string =>
    sortedJson({
      ...one,
      conditions: own(one.conditions),
      resourceClaimStatuses: undefined,
      nominatedNodeName: undefined,
    });
  return plain(status) === plain(shown);
}

/** JSON with the fields of every object in order, and without empty ones. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    const entries = Object.entries(inner).filter(([, one]) => one !== undefined);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
