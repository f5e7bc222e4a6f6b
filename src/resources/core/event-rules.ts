/** Rules of events. The newer ones, which have an event time, are held to more. */
import { child, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { dnsSubdomain, qualifiedName } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { filled } from "#machinery/rule.ts";
import type { Event } from "./event.ts";

const textMax = 128;
const noteMax = 1024;

function checkLength(path: string, text: string, charactersMax: number): FieldError[] {
  return Buffer.byteLength(text) > charactersMax
    ? [invalid(path, "", `can have at most ${charactersMax} characters`)]
    : [];
}

/** What both forms keep to. `reporter` is the name of the field of the reporting controller. */
export function checkEventParts(event: Event, reporter: string): FieldError[] {
  const { metadata, involvedObject, eventTime, reportingComponent, reportingInstance } = event;
  const { namespace = "" } = metadata;
  const about = involvedObject.namespace ?? "";
  const mismatch = invalid("involvedObject.namespace", about, "does not match event.namespace");
  const errors = checked("namespace", namespace, dnsSubdomain);
  if (eventTime === undefined) {
    const fits = about === "" ? namespace === "" || namespace === "default" : namespace === about;
    return fits ? errors : [mismatch, ...errors];
  }
  const { action = "", reason = "", message = "" } = event;
  if (about === "" && namespace !== "default" && namespace !== "kube-system") errors.unshift(mismatch);
  return [
    ...errors,
    ...filled(reporter, reportingComponent),
    ...checked(reporter, reportingComponent, qualifiedName),
    ...filled("reportingInstance", reportingInstance),
    ...checkLength("reportingInstance", reportingInstance, textMax),
    ...filled("action", action),
    ...checkLength("action", action, textMax),
    ...filled("reason", reason),
    ...checkLength("reason", reason, textMax),
    ...checkLength("message", message, noteMax),
  ];
}

export function checkEvent(event: Event): readonly FieldError[] {
  return checkEventParts(event, "reportingComponent");
}

function checkSeries({ series }: Event): FieldError[] {
  if (!series) return [];
  const errors = (series.count ?? 0) < 2 ? [invalid("series.count", "", "should be at least 2")] : [];
  return series.lastObservedTime === undefined ? [...errors, required("series.lastObservedTime")] : errors;
}

const unset = ["firstTimestamp", "lastTimestamp", "count"] as const;
const fixed = [
  "involvedObject",
  "reason",
  "message",
  "source",
  "firstTimestamp",
  "lastTimestamp",
  "count",
  "type",
  "eventTime",
  "action",
  "related",
] as const;

/** The rules of the events group, on an event in the core group's form. */
export function checkNewerEvent(event: Event, { old }: CheckContext<Event>): readonly FieldError[] {
  const errors = checkEventParts(event, "reportingController");
  if (old) {
    for (const name of fixed)
      if (!deepEqual(event[name], old[name])) errors.push(invalid(name, event[name], "field is immutable"));
    if (event.reportingComponent !== old.reportingComponent)
      errors.push(invalid("reportingController", event.reportingComponent, "field is immutable"));
    if (event.reportingInstance !== old.reportingInstance)
      errors.push(invalid("reportingInstance", event.reportingInstance, "field is immutable"));
    return deepEqual(event.series, old.series) ? errors : [...errors, ...checkSeries(event)];
  }
  errors.push(...checkSeries(event));
  if (event.eventTime === undefined) errors.push(required("eventTime"));
  if (event.type !== "Normal" && event.type !== "Warning")
    errors.push(invalid("type", "", `has invalid value: ${event.type ?? ""}`));
  for (const name of unset) if (event[name] !== undefined) errors.push(invalid(name, "", "needs to be unset"));
  const { component, host } = event.source;
  if (component || host) errors.push(invalid(child("", "source"), "", "needs to be unset"));
  return errors;
}
