/**
 * Who watches one resource, by what of it they watch: a change is offered to those alone whom it may concern. Thousands
 * of kubelets that each watch the pods of one node cost a pod's change no more than two of them.
 */
import type { Selection } from "../selection.ts";
import type { CacheEvent } from "./event-window.ts";
import { isLargeEvent, type Feed } from "./feed.ts";
import type { SelectedField } from "./by-field.ts";

interface FieldAudience {
  readonly field: SelectedField;
  readonly byValue: Map<string, Set<Feed>>;
}

export class Audience {
  // By the key of one object, or what the keys of a namespace or of all begin with.
  private readonly byScope = new Map<string, Set<Feed>>();
  private readonly byField = new Map<string, FieldAudience>();

  /** @returns What takes it away again. */
  add(feed: Feed, { exact, from, isOne }: Selection): () => void {
    if (isOne || !exact) return addTo(this.byScope, from, feed);
    const known = this.byField.get(exact.field.id);
    const audience = known ?? { field: exact.field, byValue: new Map<string, Set<Feed>>() };
    if (!known) this.byField.set(exact.field.id, audience);
    const leave = addTo(audience.byValue, exact.value, feed);
    return () => {
      leave();
      if (audience.byValue.size === 0 && this.byField.get(exact.field.id) === audience)
        this.byField.delete(exact.field.id);
    };
  }

  /** @param scopes All that the change's key is in. */
  offer(change: CacheEvent, scopes: readonly string[]): void {
    for (const scope of scopes) offerTo(this.byScope.get(scope), change);
    for (const audience of this.byField.values()) offerByField(audience, change);
  }

  /** Ends every watch. */
  end(): void {
    const all = [...this.all()];
    this.byScope.clear();
    this.byField.clear();
    for (const feed of all) feed.close();
  }

  private *all(): Generator<Feed> {
    for (const feeds of this.byScope.values()) yield* feeds;
    for (const { byValue } of this.byField.values()) for (const feeds of byValue.values()) yield* feeds;
  }
}

function addTo(row: Map<string, Set<Feed>>, name: string, feed: Feed): () => void {
  const feeds = row.get(name) ?? new Set();
  row.set(name, feeds);
  feeds.add(feed);
  return () => {
    feeds.delete(feed);
    if (feeds.size === 0 && row.get(name) === feeds) row.delete(name);
  };
}

function offerTo(feeds: ReadonlySet<Feed> | undefined, change: CacheEvent): void {
  if (feeds) for (const feed of feeds) feed.offer(change);
}

/** What enters, stays or leaves concerns those who watch its value before or after. */
function offerByField({ field, byValue }: FieldAudience, change: CacheEvent): void {
  for (const value of valuesOf(field, change) ?? byValue.keys()) offerTo(byValue.get(value), change);
}

/** Undefined when nobody can tell: each watcher sees for itself, and what cannot be read is set aside. */
function valuesOf(field: SelectedField, change: CacheEvent): ReadonlySet<string> | undefined {
  // To decode it takes a turn of its own, and here others' writes are acknowledged.
  if (isLargeEvent(change)) return undefined;
  try {
    const { current, previous } = change;
    return new Set([...(current ? [field.of(current)] : []), ...(previous ? [field.of(previous)] : [])]);
  } catch {
    return undefined;
  }
}
