/** The objects of an informer by namespace and name, and by what else they are looked up. */
import { keyOf, keyText, type Named, type ObjectKey } from "#machinery/meta.ts";
import type { Change, IndexFunction } from "../informer.ts";

interface Index<T extends Named> {
  /** Never throws. */
  readonly of: IndexFunction<T>;
  /** Most values have one object, which then stands there by itself: an object may have fifty thousand values. */
  readonly byValue: Map<string, T | Set<T>>;
}

/** Hears of an index function that threw; the object then stands under no value of that index. */
export type IndexFailed = (index: string, error: unknown) => void;

const nothing: readonly never[] = Object.freeze([]);

export class ObjectCache<T extends Named> {
  private readonly namespaces = new Map<string, Map<string, T>>();
  private readonly indexes = new Map<string, Index<T>>();
  private readonly indexFailed: IndexFailed;

  constructor(indexFailed: IndexFailed) {
    this.indexFailed = indexFailed;
  }

  keyText(object: T): string {
    return keyText(keyOf(object));
  }

  get({ namespace, name }: ObjectKey): T | undefined {
    return this.namespaces.get(namespace)?.get(name);
  }

  list(namespace: string): readonly T[] {
    if (namespace !== "") return [...(this.namespaces.get(namespace)?.values() ?? nothing)];
    return [...this.namespaces.values()].flatMap((objects) => [...objects.values()]);
  }

  addIndex(name: string, of: IndexFunction<T>): void {
    if (this.indexes.has(name)) return;
    const guarded: IndexFunction<T> = (object) => {
      try {
        return of(object);
      } catch (error) {
        this.indexFailed(name, error);
        return nothing;
      }
    };
    const index: Index<T> = { of: guarded, byValue: new Map() };
    this.indexes.set(name, index);
    for (const object of this.list("")) addTo(index, object);
  }

  byIndex(name: string, value: string): readonly T[] {
    const found = this.indexes.get(name)?.byValue.get(value);
    return found === undefined ? nothing : found instanceof Set ? [...found] : [found];
  }

  /** The change as the cache sees it: an object that was there is modified. Undefined when nothing changed. */
  apply(type: "added" | "modified" | "deleted", object: T): Change<T> | undefined {
    const key = keyOf(object);
    const old = this.get(key);
    if (type === "deleted") {
      if (!old) return undefined;
      this.remove(key, old);
      return { type, object, old };
    }
    if (old && old.metadata.resourceVersion === object.metadata.resourceVersion) return undefined;
    this.store(key, object, old);
    return old ? { type: "modified", object, old } : { type: "added", object, old: undefined };
  }

  /** The changes that make the cache hold exactly `objects`, which are by key text. */
  *replaceAll(objects: ReadonlyMap<string, T>): Iterable<Change<T>> {
    for (const old of this.list("")) {
      if (objects.has(this.keyText(old))) continue;
      this.remove(keyOf(old), old);
      yield { type: "deleted", object: old, old };
    }
    for (const object of objects.values()) {
      const change = this.apply("added", object);
      if (change) yield change;
    }
  }

  private store({ namespace, name }: ObjectKey, object: T, old: T | undefined): void {
    const objects = this.namespaces.get(namespace) ?? new Map<string, T>();
    objects.set(name, object);
    this.namespaces.set(namespace, objects);
    for (const index of this.indexes.values()) {
      if (old) removeFrom(index, old);
      addTo(index, object);
    }
  }

  private remove({ namespace, name }: ObjectKey, old: T): void {
    const objects = this.namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) this.namespaces.delete(namespace);
    for (const index of this.indexes.values()) removeFrom(index, old);
  }
}

function addTo<T extends Named>({ of, byValue }: Index<T>, object: T): void {
  for (const value of of(object)) {
    const known = byValue.get(value);
    if (known === undefined) byValue.set(value, object);
    else if (known instanceof Set) known.add(object);
    else if (known !== object) byValue.set(value, new Set([known, object]));
  }
}

function removeFrom<T extends Named>({ of, byValue }: Index<T>, object: T): void {
  for (const value of of(object)) {
    const known = byValue.get(value);
    if (known === object) byValue.delete(value);
    if (!(known instanceof Set)) continue;
    known.delete(object);
    const [last] = known;
    if (known.size === 1 && last !== undefined) byValue.set(value, last);
  }
}
