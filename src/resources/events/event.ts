/** Event of events.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, microTime, object, of, string, time, type Infer } from "#machinery/shape.ts";
import { eventSourceShape } from "../core/event-source.ts";
import { objectReferenceShape } from "../core/references.ts";
import { storedEvent, checkStoredEvent } from "./stored-event.ts";

export const eventSeriesShape = object("api.events.v1.EventSeries", {
  count: int32(1).always(),
  lastObservedTime: microTime(2).always(),
});
export interface EventSeries extends Infer<typeof eventSeriesShape> {}

export const eventShape = kind("api.events.v1.Event", {
  eventTime: microTime(2).always(),
  series: of(3, eventSeriesShape),
  reportingController: string(4),
  reportingInstance: string(5),
  action: string(6),
  reason: string(7),
  regarding: of(8, objectReferenceShape).always().unlisted(),
  related: of(9, objectReferenceShape),
  note: string(10),
  type: string(11),
  deprecatedSource: of(12, eventSourceShape).always().unlisted(),
  deprecatedFirstTimestamp: time(13),
  deprecatedLastTimestamp: time(14),
  deprecatedCount: int32(15).dropZero(),
});
export interface Event extends Infer<typeof eventShape> {}

export const events = resource<Event>({
  group: "events.k8s.io",
  version: "v1",
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  namespaced: true,
  shape: eventShape,
  selectableFields: {
    "regarding.kind": ({ regarding }) => regarding.kind ?? "",
    "regarding.namespace": ({ regarding }) => regarding.namespace ?? "",
    "regarding.name": ({ regarding }) => regarding.name ?? "",
    "regarding.uid": ({ regarding }) => regarding.uid ?? "",
    "regarding.apiVersion": ({ regarding }) => regarding.apiVersion ?? "",
    "regarding.resourceVersion": ({ regarding }) => regarding.resourceVersion ?? "",
    "regarding.fieldPath": ({ regarding }) => regarding.fieldPath ?? "",
    reason: ({ reason }) => reason ?? "",
    reportingController: ({ reportingController }) => reportingController ?? "",
    type: ({ type }) => type ?? "",
  },
  storedAs: storedEvent,
  check: checkStoredEvent,
});
