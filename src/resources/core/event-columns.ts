/** The columns of events. */
import type { Column } from "#machinery/resource.ts";
import { nameColumn, text } from "#machinery/table.ts";
import type { Event } from "./event.ts";

const firstSeen = (event: Event): string | undefined => event.firstTimestamp ?? event.eventTime;

function lastSeen(event: Event): string | undefined {
  return event.series ? event.series.lastObservedTime : (event.lastTimestamp ?? firstSeen(event));
}

function objectText({ involvedObject: { kind = "", name = "" } }: Event): string {
  return name === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source.component || reportingComponent;
  const instance = source.host || reportingInstance;
  return instance === "" ? component : `${component}, ${instance}`;
}

export const eventColumns: readonly Column<Event>[] = [
  text("Last Seen", (event, ages) => ages.since(lastSeen(event))),
  text("Type", (event) => event.type ?? ""),
  text("Reason", (event) => event.reason ?? ""),
  text("Object", objectText),
  text("Subobject", (event) => event.involvedObject.fieldPath ?? "", 1),
  text("Source", sourceText, 1),
  text("Message", (event) => (event.message ?? "").trim()),
  text("First Seen", (event, ages) => ages.since(firstSeen(event)), 1),
  text("Count", (event) => String((event.series ? event.series.count : event.count) || (event.series ? 0 : 1)), 1),
  { ...nameColumn, priority: 1 },
];
