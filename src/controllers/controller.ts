/**
 * Observe, plan, act: the three words every controller is written in.
 *
 * A controller says which changes concern which of its keys, what it needs to see for a key, and - in `plan`, a pure
 * function - what has to be done about what it saw. The runner (runner.ts) owns informers, queue, retries and
 * back-off, carries out the plan, and does not look at a key again before the caches have seen what it wrote. So no
 * controller keeps expectations, and each is tested with tables of observations and plans.
 *
 *     change -> keysOf -> queue -> observe(key, caches) -> plan(observation) -> act -> wait for own writes
 */
import type { DeleteRequest, ListRequest, Patch } from "#client/client.ts";
import type { Change, IndexFunction } from "#client/informer.ts";
import type { ObjectEvent } from "#client/recorder.ts";
import type { KubeObject, Named, ObjectKey, Referable } from "#machinery/meta.ts";
import type { Readable, ResourceDefinition } from "#machinery/resource.ts";
import type { StatusError } from "#machinery/status.ts";

/** What a controller may look at: the caches, and nothing else. Everything it gets is frozen. */
export interface Caches {
  /** Wall clock, for what is written and read in objects. May jump. */
  readonly nowMs: number;
  /** A clock that only goes forward, for how long something has lasted. */
  readonly monotonicMs: number;
  get<T extends Named>(what: Readable<T>, key: ObjectKey): T | undefined;
  /** Of a namespace, or all for "". */
  list<T extends Named>(what: Readable<T>, namespace: string): readonly T[];
  /** An index that the controller declared in `watches`. */
  byIndex<T extends Named>(what: Readable<T>, index: { readonly name: string; readonly value: string }): readonly T[];
}

/** What the controller looks at, whole or in part, and the keys a change of such an object concerns. */
export interface Watching<T extends Named> {
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** Keeps only these objects in memory, e.g. "metadata.name=kube-root-ca.crt". */
  readonly fieldSelector?: string;
  readonly keysOf: (change: Change<T>, caches: Caches) => readonly ObjectKey[];
}

/** Made by `watching`, in watches.ts. */
export interface Watch extends Watching<Named> {
  readonly what: Readable<Named>;
}

/**
 * One thing to do. A refusal ends the sequence it stands in, after `refused` was done if it is there, and the key is
 * tried again later. Calls have a budget (budget.ts): what is beyond it is left to the next look.
 */
export type Action =
  | {
      readonly kind: "create";
      readonly resource: ResourceDefinition;
      readonly object: KubeObject;
      /** What follows from the object as the API made it, usually an event that names it. */
      readonly created?: (object: KubeObject) => readonly Action[];
      readonly refused?: Refused;
    }
  | {
      readonly kind: "update";
      readonly resource: ResourceDefinition;
      readonly object: KubeObject;
      readonly subresource?: string;
    }
  | {
      readonly kind: "patch";
      readonly resource: ResourceDefinition;
      readonly key: ObjectKey;
      readonly patch: Patch;
      readonly subresource?: string;
    }
  | {
      readonly kind: "delete";
      readonly resource: ResourceDefinition;
      readonly key: ObjectKey;
      readonly request?: DeleteRequest;
      readonly refused?: Refused;
    }
  | { readonly kind: "event"; readonly about: Referable; readonly event: ObjectEvent }
  /**
   * Ends its sequence when the API, asked now, has an object that the caches do not show: stands before what cannot be
   * taken back and is done because something is not there.
   */
  | {
      readonly kind: "unless";
      readonly resource: ResourceDefinition;
      readonly among: ListRequest;
      readonly finds: (object: KubeObject) => boolean;
    }
  /** One after the other, up to the first that is refused: what a plan is, as a part of one. */
  | { readonly kind: "sequence"; readonly actions: readonly Action[] }
  /** Independent of one another: every one is tried, and what was refused is told when all are done. */
  | { readonly kind: "each"; readonly actions: readonly Action[] }
  /** Side by side in batches of 1, 2, 4, …, so that what is refused is refused once and not a hundred times. */
  | {
      readonly kind: "ramp";
      readonly actions: readonly Action[];
      /** Done once, however many were refused. */
      readonly refused?: Refused;
    };

/** What to do when the API refuses: usually an event and a condition. */
export type Refused = (error: StatusError) => readonly Action[];

export interface Plan {
  readonly actions: readonly Action[];
  /** Look at the key again after this time, changed or not. */
  readonly againAfterMs?: number;
}

export const nothing: Plan = { actions: [] };

export interface Controller<O = unknown> {
  /** Also its service account in kube-system: "deployment-controller". */
  readonly name: string;
  readonly watches: readonly Watch[];
  /** Keys worked on at the same time. Default 4. */
  readonly workers?: number;
  /** From a change to the look at its key, so that a burst is one look. Default 0. */
  readonly settleMs?: number;
  /** Undefined when there is nothing to plan for, e.g. because the object is gone. */
  observe(key: ObjectKey, caches: Caches): O | undefined;
  plan(observation: O): Plan;
}
