/**
 * Frames that cost this side more than their sender: so many of each kind may come at once, and then so many a second.
 * Whoever sends more loses the connection, as CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316 and CVE-2025-8671
 * taught every server of HTTP/2.
 */
import { httpLimits } from "../http.ts";
import { ConnectionError, errorCode } from "./errors.ts";

interface Rate {
  readonly atOnce: number;
  readonly perSecond: number;
}

/** By what is counted. */
export const floodLimits = {
  /** Streams that ended before their reply did, whoever reset them: a client can have this side do it. */
  resets: { atOnce: httpLimits.streamResetsAtOnce, perSecond: httpLimits.streamResetsPerSecond },
  settings: { atOnce: 100, perSecond: 10 },
  pings: { atOnce: 1_000, perSecond: 100 },
  /** A client that reads much opens windows often; one that opens them byte by byte gets as few bytes. */
  windowUpdates: { atOnce: 20_000, perSecond: 20_000 },
  /** DATA without data that does not end its stream. */
  emptyData: { atOnce: 1_000, perSecond: 100 },
  /** PRIORITY frames, which say nothing here, and frames that nobody knows. */
  ignored: { atOnce: 2_000, perSecond: 200 },
} as const satisfies Record<string, Rate>;

export type FloodKind = keyof typeof floodLimits;

/** Of one connection. */
export class Floods {
  private readonly left = new Map<FloodKind, number>();
  private readonly filledMs = new Map<FloodKind, number>();

  /** @throws ConnectionError when there were too many. */
  count(kind: FloodKind): void {
    const { atOnce, perSecond }: Rate = floodLimits[kind];
    let left = this.left.get(kind) ?? atOnce;
    if (left < 1) {
      // The clock is looked at only here.
      const nowMs = performance.now();
      const sinceMs = nowMs - (this.filledMs.get(kind) ?? nowMs);
      left = Math.min(atOnce, left + (sinceMs * perSecond) / 1_000);
      this.filledMs.set(kind, nowMs);
      if (left < 1) {
        const limit = `${atOnce} at once and ${perSecond} a second`;
        throw new ConnectionError(errorCode.enhanceYourCalm, `expected at most ${limit} of ${kind}, found more`);
      }
    } else if (left === atOnce) this.filledMs.set(kind, performance.now());
    this.left.set(kind, left - 1);
  }
}
