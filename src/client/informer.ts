/**
 * A resource kept in memory by list and watch. In the server process the objects are the watch cache's own frozen ones:
 * nothing is copied or decoded twice.
 */
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";

export type Change<T extends KubeObject> =
  | { readonly type: "added"; readonly object: T; readonly old: undefined }
  | { readonly type: "modified"; readonly object: T; readonly old: T }
  | { readonly type: "deleted"; readonly object: T; readonly old: T };

/** Computes the index values of an object, e.g. the node a pod is on. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

export interface Informer<T extends KubeObject> {
  readonly resource: ResourceDefinition<T>;
  /** True once the first list is in; handlers have then seen every object of it. */
  readonly synced: boolean;
  /** Resolves when synced. */
  whenSynced(signal: AbortSignal): Promise<void>;
  get(key: ObjectKey): T | undefined;
  /** Objects of a namespace, or all for "". The array is the caller's. */
  list(namespace?: string): readonly T[];
  /** Declares an index; before or after the first list. Declaring the same name again is the same index. */
  addIndex(name: string, of: IndexFunction<T>): void;
  byIndex(name: string, value: string): readonly T[];
  /**
   * Calls `handler` for every object there is, then for every change, until the signal is aborted. Handlers are called
   * in order, must not throw, and must be quick: they usually only add a key to a queue.
   */
  onChange(handler: (change: Change<T>) => void, signal: AbortSignal): void;
  /** Resolves once the cache holds at least this revision: who wrote waits for its own write here. */
  whenSeen(resourceVersion: string, signal: AbortSignal): Promise<void>;
}

/** One informer per resource (and selector), shared by all parts that ask, started on the first. */
export interface InformerFactory {
  informer<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection?: { readonly namespace?: string; readonly fieldSelector?: string; readonly labelSelector?: string },
  ): Informer<T>;
}
