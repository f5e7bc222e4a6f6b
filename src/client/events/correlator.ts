/**
 * What becomes of an event: dropped when its object makes too many, counted when it was seen before, combined when
 * many differ in their message alone. The rules and numbers are upstream's.
 */
import { rfc3339 } from "#base/clock.ts";
import type { Event } from "#resources/core/event.ts";
import type { ObjectReference } from "#resources/core/references.ts";
import { RecentMap } from "./recent-map.ts";

/** Objects, reasons and messages remembered, of each reporter: there are thirty in one process. Differs from upstream:
 * a quarter as many, because every one is a kilobyte and none is let go while nothing new happens. */
const rememberedMax = 1_024;
/** From this many different messages of one reason on, events are combined. */
const messagesMax = 10;
const combineWithinMs = 600_000;
/** Events of one source about one object: at once, and then one in this time. */
const burst = 25;
const refillMs = 300_000;

export interface Occurrence {
  readonly about: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

/** Who reports. */
export interface Source {
  readonly component: string;
  /** The node, for those that work on one. */
  readonly host?: string;
}

export type Verdict =
  | { readonly kind: "dropped" }
  | { readonly kind: "new"; readonly event: Event }
  | { readonly kind: "again"; readonly event: Event };

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

interface Bucket {
  tokens: number;
  lastMs: number;
}

export class Correlator {
  private readonly source: Source;
  private readonly similar = new RecentMap<Similar>(rememberedMax);
  private readonly observed = new RecentMap<Event>(rememberedMax);
  private readonly buckets = new RecentMap<Bucket>(rememberedMax);
  // Two events of one millisecond need two names.
  private named = 0;

  constructor(source: Source) {
    this.source = source;
  }

  judge(occurrence: Occurrence): Verdict {
    const { about, atMs } = occurrence;
    const { message, key } = this.combined(occurrence);
    const known = this.observed.get(key);
    const event = known
      ? { ...known, message, lastTimestamp: rfc3339(atMs), count: (known.count ?? 1) + 1 }
      : this.newEvent(occurrence, message);
    this.observed.set(key, event);
    if (!this.spend(textOf(about, false), atMs)) return { kind: "dropped" };
    return { kind: known ? "again" : "new", event };
  }

  private combined({ about, type, reason, message, atMs }: Occurrence): {
    readonly message: string;
    readonly key: string;
  } {
    const reasonKey = JSON.stringify([textOf(about, false), type, reason]);
    const remembered = this.similar.get(reasonKey);
    const similar =
      remembered && atMs - remembered.lastMs <= combineWithinMs
        ? remembered
        : { messages: new Set<string>(), lastMs: atMs };
    this.similar.set(reasonKey, similar);
    similar.lastMs = atMs;
    similar.messages.add(message);
    if (similar.messages.size < messagesMax)
      return { message, key: JSON.stringify([textOf(about, true), type, reason, message]) };
    similar.messages.delete(message);
    return { message: `(combined from similar events): ${message}`, key: reasonKey };
  }

  private newEvent({ about, type, reason, atMs }: Occurrence, message: string): Event {
    this.named = (this.named + 1) % 1_000_000;
    const nanoseconds = BigInt(Math.floor(atMs)) * 1_000_000n + BigInt(this.named);
    const { component, host } = this.source;
    const at = rfc3339(atMs);
    return {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${about.name}.${nanoseconds.toString(16)}`, namespace: about.namespace || "default" },
      involvedObject: about,
      reason,
      message,
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? "",
    };
  }

  private spend(key: string, atMs: number): boolean {
    const bucket = this.buckets.get(key) ?? { tokens: burst, lastMs: atMs };
    const tokens = Math.min(burst, bucket.tokens + Math.max(atMs - bucket.lastMs, 0) / refillMs);
    const allowed = tokens >= 1;
    this.buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, lastMs: atMs });
    return allowed;
  }
}

function textOf({ kind, namespace, name, uid, apiVersion, fieldPath }: ObjectReference, withPart: boolean): string {
  return JSON.stringify([kind, namespace, name, uid, apiVersion, withPart ? fieldPath : ""]);
}
