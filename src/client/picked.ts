/** Events of a watch that asked for some fields, where they come whole. */
import type { KubeObject } from "#machinery/meta.ts";
import { pick, type FieldTree } from "#machinery/view.ts";
import type { WatchEvent } from "./client.ts";

/** @param fields What was asked for; undefined for all of it. */
export function picked<T extends KubeObject>(event: WatchEvent<T>, fields: FieldTree | undefined): WatchEvent<T> {
  if (!fields || event.type === "bookmark") return event;
  // Holds because whoever asked for some fields reads no others.
  return { type: event.type, object: pick(event.object, fields) as T };
}
