/** The objects of one resource by the value of a field. */
import type { Turns } from "#base/turns.ts";
import { SortedMap, type SortedView } from "#base/sorted-map.ts";
import type { StoredObject } from "../stored-object.ts";

/** A field that objects are selected by, as a version of the API shows it. */
export interface SelectedField {
  /** Tells fields of different names and versions apart. */
  readonly id: string;
  /** @throws whatever the field's definition throws */
  readonly of: (object: StoredObject) => string;
}

const nothing: SortedView<StoredObject> = new SortedMap<StoredObject>().snapshot();

export class FieldIndex {
  private readonly field: SelectedField;
  private readonly byValue = new Map<string, SortedMap<StoredObject>>();
  private filling: Promise<void> | undefined;
  /** True when all objects are in it. */
  isFilled = false;

  constructor(field: SelectedField) {
    this.field = field;
  }

  /**
   * Resolves when all objects are in it. Changes meanwhile may be told to `replace`.
   *
   * @param isThere Whether an object is still the newest of its key.
   */
  filled(objects: SortedView<StoredObject>, isThere: (object: StoredObject) => boolean, turns: Turns): Promise<void> {
    this.filling ??= this.fill(objects, isThere, turns);
    return this.filling;
  }

  /** The objects with this value. */
  at(value: string): SortedView<StoredObject> {
    return this.byValue.get(value)?.snapshot() ?? nothing;
  }

  replace(previous: StoredObject | undefined, current: StoredObject | undefined): void {
    const before = previous && this.valueOf(previous);
    const now = current && this.valueOf(current);
    if (previous && before !== undefined && before !== now) this.remove(before, previous.storeKey);
    if (current && now !== undefined) this.put(now, current);
  }

  /** Undefined of what cannot be read: it is set aside by whoever reads it. */
  private valueOf(object: StoredObject): string | undefined {
    try {
      return this.field.of(object);
    } catch {
      return undefined;
    }
  }

  private async fill(
    objects: SortedView<StoredObject>,
    isThere: (object: StoredObject) => boolean,
    turns: Turns,
  ): Promise<void> {
    for (const object of objects.values()) {
      const rest = turns.rest();
      if (rest) await rest;
      const value = isThere(object) ? this.valueOf(object) : undefined;
      if (value !== undefined) this.put(value, object);
    }
    this.isFilled = true;
  }

  private put(value: string, object: StoredObject): void {
    let objects = this.byValue.get(value);
    if (!objects) {
      objects = new SortedMap();
      this.byValue.set(value, objects);
    }
    objects.set(object.storeKey, object);
  }

  private remove(value: string, storeKey: string): void {
    const objects = this.byValue.get(value);
    if (!objects) return;
    objects.delete(storeKey);
    if (objects.size === 0) this.byValue.delete(value);
  }
}
