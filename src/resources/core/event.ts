/** Event of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, microTime, object, of, string, time, type Infer } from "#machinery/shape.ts";
import { eventSourceShape } from "./event-source.ts";
import { objectReferenceShape } from "./references.ts";
import { eventColumns } from "./event-columns.ts";
import { checkEvent } from "./event-rules.ts";

export const eventSeriesShape = object("api.core.v1.EventSeries", {
  count: int32(1).dropZero(),
  lastObservedTime: microTime(2),
});
export interface EventSeries extends Infer<typeof eventSeriesShape> {}

export const eventShape = kind("api.core.v1.Event", {
  involvedObject: of(2, objectReferenceShape).always(),
  reason: string(3),
  message: string(4),
  source: of(5, eventSourceShape).always().unlisted(),
  firstTimestamp: time(6),
  lastTimestamp: time(7),
  count: int32(8).dropZero(),
  type: string(9),
  eventTime: microTime(10),
  series: of(11, eventSeriesShape),
  action: string(12),
  related: of(13, objectReferenceShape),
  reportingComponent: string(14).always().unlisted(),
  reportingInstance: string(15).always().unlisted(),
});
export interface Event extends Infer<typeof eventShape> {}

export const events = resource<Event>({
  group: "",
  version: "v1",
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  namespaced: true,
  shape: eventShape,
  columns: eventColumns,
  selectableFields: {
    "involvedObject.kind": ({ involvedObject }) => involvedObject.kind ?? "",
    "involvedObject.namespace": ({ involvedObject }) => involvedObject.namespace ?? "",
    "involvedObject.name": ({ involvedObject }) => involvedObject.name ?? "",
    "involvedObject.uid": ({ involvedObject }) => involvedObject.uid ?? "",
    "involvedObject.apiVersion": ({ involvedObject }) => involvedObject.apiVersion ?? "",
    "involvedObject.resourceVersion": ({ involvedObject }) => involvedObject.resourceVersion ?? "",
    "involvedObject.fieldPath": ({ involvedObject }) => involvedObject.fieldPath ?? "",
    reason: ({ reason }) => reason ?? "",
    reportingComponent: ({ reportingComponent }) => reportingComponent,
    source: ({ source, reportingComponent }) => source.component || reportingComponent,
    type: ({ type }) => type ?? "",
  },
  check: checkEvent,
});
