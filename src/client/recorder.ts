/** Events about objects, as `kubectl describe` shows them; repetitions are aggregated into one object with a count. */
import type { Referable } from "#machinery/meta.ts";

export interface ObjectEvent {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase, e.g. "Scheduled". */
  readonly reason: string;
  readonly message: string;
  /** Part of the object, e.g. "spec.containers{web}". */
  readonly fieldPath?: string;
}

export interface Recorder {
  /** Never throws and never waits: events are best effort, bounded, and dropped under load. */
  record(about: Referable, event: ObjectEvent): void;
}
