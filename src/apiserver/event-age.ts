/** How long ago an event was last seen. */
import type { Event } from "#resources/core/event.ts";

/** An event is kept this long after it was last seen. Upstream's value. */
export const eventLifeMs = 3_600_000;

/**
 * True when nobody will read the event any more. Its times are what its writer says: one that cannot be read, or is
 * further in the future than clocks differ, counts for nothing, so that no event stays for ever.
 */
export function isOld({ series, lastTimestamp, eventTime, metadata }: Event, nowMs: number): boolean {
  const seenMs = Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? "");
  const believed = seenMs <= nowMs + eventLifeMs ? seenMs : Date.parse(metadata.creationTimestamp ?? "");
  return !(nowMs - believed < eventLifeMs);
}
