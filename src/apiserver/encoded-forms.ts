/** Objects as they were encoded, by form, for whoever wants them alike: made once for all watchers, and for list after list. */
import type { StoredObject } from "./stored-object.ts";

export const encodedLimits = {
  /** Frames of watches, which are wanted by all watchers in one turn and hardly ever again. */
  framesBytesMax: 8 * 1024 * 1024,
  /** Items of lists: what every client's next list begins with. */
  itemsBytesMax: 16 * 1024 * 1024,
  /** What an entry takes beside its bytes. */
  entryBytes: 128,
} as const;

export class EncodedForms {
  private readonly bytesMax: number;
  // By form, and there in the order they came. No form is empty.
  private readonly forms = new Map<string, Map<StoredObject, Uint8Array>>();
  private heldBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.heldBytes;
  }

  /** @param form Tells apart whatever makes other bytes of the same object. */
  get(object: StoredObject, form: string, make: () => Uint8Array): Uint8Array {
    const known = this.forms.get(form)?.get(object);
    if (known) return known;
    const made = make();
    const ofForm = this.forms.get(form) ?? new Map<StoredObject, Uint8Array>();
    this.forms.set(form, ofForm);
    ofForm.set(object, made);
    this.heldBytes += made.length + encodedLimits.entryBytes;
    this.shrink(form, object);
    return made;
  }

  /** The oldest go first, those of other forms before the last one: what was just made is wanted again in this very turn. */
  private shrink(form: string, made: StoredObject): void {
    while (this.heldBytes > this.bytesMax) {
      const [oldest] = this.forms.get(form)?.keys() ?? [];
      if (oldest && oldest !== made) this.drop(form, oldest);
      else {
        const other = [...this.forms.keys()].find((name) => name !== form);
        const [object] = (other === undefined ? undefined : this.forms.get(other)?.keys()) ?? [];
        if (other === undefined || !object) return;
        this.drop(other, object);
      }
    }
  }

  private drop(form: string, object: StoredObject): void {
    const ofForm = this.forms.get(form);
    const bytes = ofForm?.get(object);
    if (!ofForm || !bytes) return;
    ofForm.delete(object);
    if (ofForm.size === 0) this.forms.delete(form);
    this.heldBytes -= bytes.length + encodedLimits.entryBytes;
  }
}
