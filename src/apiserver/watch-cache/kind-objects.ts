/** Every object of one resource: by key, by the fields that many select by, and as it was a little while ago. */
import { SortedMap, type SortedView } from "#base/sorted-map.ts";
import type { Turns } from "#base/turns.ts";
import type { Revision } from "#storage/store.ts";
import type { Selection } from "../selection.ts";
import type { StoredObject } from "../stored-object.ts";
import type { CacheEvent } from "./event-window.ts";
import { FieldIndex } from "./by-field.ts";
import type { History } from "./history.ts";
import { PastViews } from "./past-views.ts";

/** What of a resource a list or a watch begins with. */
export interface Scope {
  readonly objects: SortedView<StoredObject>;
  /** Keys from here on, inclusive, up to `to`, exclusive. */
  readonly from: string;
  readonly to: string;
}

export class KindObjects {
  private readonly byKey = new SortedMap<StoredObject>();
  // By the id of the field; no more than the resource's definition has indexed fields, in each of its versions.
  private readonly indexes = new Map<string, FieldIndex>();
  private readonly past: PastViews;
  private readonly turns: Turns;

  constructor(turns: Turns, history: History) {
    this.turns = turns;
    this.past = new PastViews(history);
  }

  get size(): number {
    return this.byKey.size;
  }

  get(storeKey: string): StoredObject | undefined {
    return this.byKey.get(storeKey);
  }

  replaceAll(objects: readonly StoredObject[]): void {
    this.clear();
    for (const object of objects) this.byKey.set(object.storeKey, object);
  }

  clear(): void {
    this.byKey.clear();
    this.indexes.clear();
    this.past.clear();
  }

  apply({ storeKey, current }: Pick<CacheEvent, "storeKey" | "current">): void {
    const previous = current ? this.byKey.set(storeKey, current) : this.byKey.delete(storeKey);
    for (const index of this.indexes.values()) index.replace(previous, current);
    if (previous) this.past.superseded(previous);
  }

  /** Everything there is now. */
  view(): SortedView<StoredObject> {
    return this.byKey.snapshot();
  }

  /** Everything there was at a revision, if that is still at hand. */
  viewAt(revision: Revision): SortedView<StoredObject> | undefined {
    return this.past.at(revision);
  }

  /** Keeps what there is now for a while, as what there was at a revision. */
  keepView(revision: Revision, view: SortedView<StoredObject>): void {
    this.past.keep(revision, view);
  }

  /** Must have been awaited before `scope` finds what is indexed by the selection's field. */
  async indexed({ exact, isIndexed, isOne }: Selection): Promise<void> {
    if (!exact || !isIndexed || isOne) return;
    const { field } = exact;
    let index = this.indexes.get(field.id);
    if (!index) {
      index = new FieldIndex(field);
      this.indexes.set(field.id, index);
    }
    await index.filled(this.view(), (object) => this.byKey.get(object.storeKey) === object, this.turns);
  }

  /** The objects now among which all of the selection are. */
  scope({ exact, from, isOne }: Selection): Scope {
    const index = exact && !isOne ? this.indexes.get(exact.field.id) : undefined;
    const objects = index?.isFilled ? index.at(exact?.value ?? "") : this.view();
    return { objects, from, to: scopeEnd(from) };
  }
}

/** What follows the last key of a scope: the one key, or all that begin with `from`. */
export function scopeEnd(from: string): string {
  return from.endsWith("/") ? `${from.slice(0, -1)}0` : `${from}\0`;
}
