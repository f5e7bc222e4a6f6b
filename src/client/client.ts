/**
 * How every part of kedge speaks to the API: the same interface over a direct call (parts in the server process), a
 * message port (the node agent in its worker thread) and HTTPS (an agent on another machine). Where a part runs is a
 * line of configuration; what it may do is decided by the API server for the user the client was made for.
 */
import type { KubeObject, ListMeta, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import type { FieldTree } from "#machinery/view.ts";

export interface ListRequest {
  /** "" for all namespaces, and for cluster-wide resources. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
}

/** A page of objects, true at `metadata.resourceVersion`. */
export interface ObjectList<T extends KubeObject> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export interface WatchRequest extends Omit<ListRequest, "limit" | "continue"> {
  /** Exclusive. Absent: every object there is as `added` first, then `bookmark` with `initialEventsEnd`, then changes. */
  readonly resourceVersion?: string;
  /** What comes of each object, and no more; see view.ts. Absent: all of it. */
  readonly fields?: FieldTree;
}

export type WatchEvent<T> =
  | { readonly type: "added" | "modified" | "deleted"; readonly object: T }
  | { readonly type: "bookmark"; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

export interface WriteOptions {
  readonly dryRun?: boolean;
  /** Default: the name of the client. */
  readonly fieldManager?: string;
  /** "", "status", "scale", "finalize", "approval", … */
  readonly subresource?: string;
}

export type Patch =
  | { readonly type: "json"; readonly operations: readonly JsonObject[] }
  | { readonly type: "merge" | "strategic"; readonly body: JsonObject }
  | { readonly type: "apply"; readonly body: JsonObject; readonly force: boolean };

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * Objects that come back are frozen and shared: nobody changes them.
 *
 * Every call throws StatusError as the API server decided it (isReason(error, "NotFound"), "Conflict",
 * "AlreadyExists", "Invalid", "Expired", …), and a StatusError with reason "ServiceUnavailable" when the server cannot
 * be reached. Every call stops with the signal's reason when it is aborted.
 */
export interface Client {
  /** The user the API server sees. */
  readonly name: string;
  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T>;
  list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>>;
  /**
   * Changes from `resourceVersion` on, in order, without gap or duplicate. Ends when the server closes it (then list
   * or watch anew); throws StatusError "Expired" when the version is too old.
   */
  watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Replaces the object; a resourceVersion in it must be the newest. */
  update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    target: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  /** @returns The object as it was deleted, or as it waits for its finalizers or grace period. */
  delete<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, request?: DeleteRequest): Promise<T>;
  deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request?: DeleteRequest,
  ): Promise<void>;
  /** Posts to a subresource that has a kind of its own: pods/binding, pods/eviction, serviceaccounts/token. */
  post(
    target: { readonly resource: ResourceDefinition; readonly key: ObjectKey; readonly subresource: string },
    body: JsonObject,
  ): Promise<JsonValue>;
}
