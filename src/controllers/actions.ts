/** Builders of actions that keep an object and its resource together, so that a plan reads like a list of verbs. */
import type { ListRequest } from "#client/client.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import { keyOf, type KubeObject, type Named, type Referable } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject } from "#machinery/shape.ts";
import type { Action, Refused } from "./controller.ts";

export interface CreateHooks {
  readonly created?: (object: KubeObject) => readonly Action[];
  readonly refused?: Refused;
}

export function create<T extends KubeObject>(
  resource: ResourceDefinition<T>,
  object: T,
  hooks: CreateHooks = {},
): Action {
  return { kind: "create", resource: untyped(resource), object, ...hooks };
}

export function update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Action {
  return { kind: "update", resource: untyped(resource), object };
}

export function updateStatus<T extends KubeObject>(resource: ResourceDefinition<T>, object: T): Action {
  return { kind: "update", resource: untyped(resource), object, subresource: "status" };
}

/** A merge patch; `subresource` "" for the object itself. Without a resourceVersion in it, it never conflicts. */
export function patch<T extends KubeObject>(
  target: { readonly resource: ResourceDefinition<T>; readonly object: Named },
  body: JsonObject,
  subresource = "",
): Action {
  const resource = untyped(target.resource);
  return { kind: "patch", resource, key: keyOf(target.object), patch: { type: "merge", body }, subresource };
}

/** Deletes this very object, not one of the same name that came later. */
export function remove<T extends KubeObject>(
  resource: ResourceDefinition<T>,
  object: Named,
  refused?: Refused,
): Action {
  const { uid } = object.metadata;
  return {
    kind: "delete",
    resource: untyped(resource),
    key: keyOf(object),
    request: uid === undefined ? {} : { uid },
    ...(refused ? { refused } : {}),
  };
}

/** Stands before what is done because no such object is there: the caches may only be behind. */
export function unless<T extends KubeObject>(
  resource: ResourceDefinition<T>,
  among: ListRequest,
  finds: (object: T) => boolean = () => true,
): Action {
  // Holds because an API lists objects of the resource that it is asked for.
  return { kind: "unless", resource: untyped(resource), among, finds: (object) => finds(object as T) };
}

export function sequence(actions: readonly Action[]): Action {
  return { kind: "sequence", actions };
}

export function each(actions: readonly Action[]): Action {
  return { kind: "each", actions };
}

export function ramp(actions: readonly Action[], refused?: Refused): Action {
  return { kind: "ramp", actions, ...(refused ? { refused } : {}) };
}

export function normal(about: Referable, reason: string, message: string): Action {
  return event(about, { type: "Normal", reason, message });
}

export function warning(about: Referable, reason: string, message: string): Action {
  return event(about, { type: "Warning", reason, message });
}

function event(about: Referable, what: ObjectEvent): Action {
  return { kind: "event", about, event: what };
}
