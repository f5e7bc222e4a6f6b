/**
 * Items of lists as they were encoded, by form: what every client's next list begins with. A list is read from its first
 * object to its last, so who drops the oldest for the newest keeps nothing of a list that is larger than the room: here
 * what came first stays, as far as there is room, and forms that were not asked for make way.
 */
import { Encodings, entryBytes, type Dated, type Encoded } from "./encoded-forms.ts";
import type { StoredObject } from "./stored-object.ts";

export const itemsBytesMax = 16 * 1024 * 1024;

interface Item extends Encoded {
  readonly object: StoredObject;
}

export class EncodedItems extends Encodings {
  // By form, the one that was asked for last at the end, and there by key: a new version of an object takes the place of the old.
  private readonly forms = new Map<string, Map<string, Item>>();
  private last: Map<string, Item> | undefined;
  private lastForm: string | undefined;

  constructor(bytesMax = itemsBytesMax) {
    super(bytesMax);
  }

  override getDated(object: StoredObject, form: string, dated: Dated): Uint8Array {
    const items = this.of(form);
    const known = items.get(object.storeKey);
    if (known && known.object === object && dated.nowMs < known.holdsUntilMs) return known.bytes;
    const { bytes, holdsUntilMs } = dated.make();
    if (known) this.drop(items, object.storeKey, known);
    if (this.makesRoom(bytes.length + entryBytes, items)) {
      items.set(object.storeKey, { object, bytes, holdsUntilMs });
      this.heldBytes += bytes.length + entryBytes;
    }
    return bytes;
  }

  private of(form: string): Map<string, Item> {
    if (this.last && this.lastForm === form) return this.last;
    const items = this.forms.get(form) ?? new Map<string, Item>();
    this.forms.delete(form);
    this.forms.set(form, items);
    this.last = items;
    this.lastForm = form;
    return items;
  }

  /** At the cost of forms that were not asked for as recently as this one. */
  private makesRoom(sizeBytes: number, mine: Map<string, Item>): boolean {
    for (const [form, items] of this.forms) {
      if (items === mine) break;
      for (const [key, item] of items) {
        if (this.heldBytes + sizeBytes <= this.bytesMax) return true;
        this.drop(items, key, item);
      }
      if (items.size === 0) this.forms.delete(form);
    }
    return this.heldBytes + sizeBytes <= this.bytesMax;
  }

  private drop(items: Map<string, Item>, key: string, { bytes }: Item): void {
    items.delete(key);
    this.heldBytes -= bytes.length + entryBytes;
  }
}
