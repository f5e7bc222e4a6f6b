/** Events have two forms, one in each of two groups; the core group's is what is stored. */
import { untyped, type StoredAs, type CheckContext } from "#machinery/resource.ts";
import { events as coreEvents, type Event as CoreEvent } from "../core/event.ts";
import type { Event } from "./event.ts";
import { checkNewerEvent } from "../core/event-rules.ts";
import { type FieldError } from "#machinery/field-error.ts";

function toStored(event: Event): CoreEvent {
  const { regarding, deprecatedSource, note, reportingController, series, ...rest } = event;
  const { deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...same } = rest;
  return defined({
    ...same,
    apiVersion: "v1",
    involvedObject: regarding,
    source: deprecatedSource,
    message: note,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    series,
    reportingComponent: reportingController ?? "",
    reportingInstance: event.reportingInstance ?? "",
  });
}

function fromStored(event: CoreEvent): Event {
  const { involvedObject, source, message, reportingComponent, reportingInstance, series, ...rest } = event;
  const { firstTimestamp, lastTimestamp, count, eventTime, ...same } = rest;
  // Holds for what its writer said in full: the core group's form lets more be left out.
  return defined({
    ...same,
    apiVersion: "events.k8s.io/v1",
    eventTime,
    regarding: involvedObject,
    deprecatedSource: source,
    note: message,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
    series: series && { count: series.count ?? 0, lastObservedTime: series.lastObservedTime },
    reportingController: reportingComponent === "" ? undefined : reportingComponent,
    reportingInstance: reportingInstance === "" ? undefined : reportingInstance,
  }) as Event;
}

/** The object without the members that are undefined. */
function defined<T extends object>(object: T): T {
  // Holds because only members that may be absent are left out.
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

export const storedEvent: StoredAs<Event> = {
  resource: () => untyped(coreEvents),
  toStored,
  fromStored: (stored) => fromStored(stored as CoreEvent),
};

/** What is wrong with an event of this group. */
export function checkStoredEvent(event: Event, { old, subresource }: CheckContext<Event>): readonly FieldError[] {
  return checkNewerEvent(toStored(event), { old: old && toStored(old), subresource });
}
