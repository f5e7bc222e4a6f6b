/**
 * Objects of a kind kept in memory by list and watch: whole, or as a view that declares what is read of them. All who ask
 * for a kind share one informer, which holds what any of them declared.
 */
import type { Named, ObjectKey } from "#machinery/meta.ts";
import type { Readable } from "#machinery/resource.ts";

export type Change<T> =
  | { readonly type: "added"; readonly object: T; readonly old: undefined }
  | { readonly type: "modified"; readonly object: T; readonly old: T }
  | { readonly type: "deleted"; readonly object: T; readonly old: T };

/** Computes the index values of an object, e.g. the node a pod is on. */
export type IndexFunction<T> = (object: T) => readonly string[];

export interface Informer<T extends Named> {
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

/** Which objects of a kind an informer holds. */
export interface Selection {
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** One informer per resource (and selection), shared by all parts that ask, started on the first. */
export interface InformerFactory {
  informer<T extends Named>(what: Readable<T>, selection?: Selection): Informer<T>;
}
