/** Watches of a memory cluster: selection, initial events, changes, and the end of a watch. */
import { abortReason } from "#base/clock.ts";
import { BoundedStream } from "#base/queue.ts";
import type { ListRequest, WatchEvent, WatchRequest } from "#client/client.ts";
import { matchesFields, parseFieldSelector } from "#machinery/field-selector.ts";
import { parseLabelSelector } from "#machinery/label-selector.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { gone } from "#machinery/status.ts";
import type { HistoryEvent, MemoryObjects } from "./objects.ts";

type Selects = (object: KubeObject) => boolean;

export function selectionOf(definition: ResourceDefinition, request: ListRequest): Selects {
  const labels = parseLabelSelector(request.labelSelector ?? "");
  const fields = parseFieldSelector(request.fieldSelector ?? "");
  const namespace = request.namespace ?? "";
  return (object) =>
    (namespace === "" || object.metadata.namespace === namespace) &&
    labels.matches(object.metadata.labels) &&
    matchesFields(fields, (field) => {
      if (field === "metadata.name") return object.metadata.name ?? "";
      if (field === "metadata.namespace") return object.metadata.namespace ?? "";
      return definition.selectableFields?.[field]?.(object) ?? "";
    });
}

const waitingEventsMax = 10_000;

export async function* watchObjects(
  objects: MemoryObjects,
  { resource, request }: { readonly resource: ResourceDefinition; readonly request: WatchRequest },
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<KubeObject>> {
  await Promise.resolve();
  signal.throwIfAborted();
  const selects = selectionOf(resource, request);
  const stream = new BoundedStream<WatchEvent<KubeObject>>(waitingEventsMax);
  const from = request.resourceVersion === undefined ? objects.revision : Number(request.resourceVersion);
  if (from < objects.compacted) throw gone(`too old resource version: ${from} (${objects.compacted})`);
  if (request.resourceVersion === undefined) {
    for (const object of objects.all(resource)) if (selects(object)) stream.push({ type: "added", object });
    stream.push({ type: "bookmark", resourceVersion: String(from), initialEventsEnd: true });
  }
  const onEvent = (event: HistoryEvent): void => {
    const change = event.id === resource.id ? selected(event, selects) : undefined;
    if (change && !stream.push(change)) stream.end();
  };
  const stop = objects.listen({ event: onEvent, end: () => stream.end() }, from);
  const onAbort = (): void => stream.end(abortReason(signal));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    yield* stream;
  } finally {
    stop();
    signal.removeEventListener("abort", onAbort);
  }
}

/** An object that comes into the selection is added, one that leaves it deleted. */
function selected(event: HistoryEvent, selects: Selects): WatchEvent<KubeObject> | undefined {
  const was = event.old !== undefined && selects(event.old);
  const is = event.type !== "deleted" && selects(event.object);
  if (!was && !is) return undefined;
  return { type: was ? (is ? "modified" : "deleted") : "added", object: event.object };
}
