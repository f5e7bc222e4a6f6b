/**
 * Frames of watches as they were encoded, by form: made once for all watchers, who want them at about the same time. Items of
 * lists, which are wanted again and again, are in encoded-items.ts.
 */
import type { StoredObject } from "./stored-object.ts";

/** What an entry takes beside its bytes. */
export const entryBytes = 128;
/** Frames of watches, which are wanted by all watchers in one turn and hardly ever again. */
export const framesBytesMax = 8 * 1024 * 1024;

export interface Encoded {
  readonly bytes: Uint8Array;
  /** From then on the same object has other bytes. */
  readonly holdsUntilMs: number;
}

/** Bytes that are made when they are asked for, and for how long they hold. */
export interface Dated {
  readonly nowMs: number;
  readonly make: () => Encoded;
}

/** What is kept of objects as they were encoded, within a room. */
export abstract class Encodings {
  protected readonly bytesMax: number;
  protected heldBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get sizeBytes(): number {
    return this.heldBytes;
  }

  /** @param form Tells apart whatever makes other bytes of the same object. */
  get(object: StoredObject, form: string, make: () => Uint8Array): Uint8Array {
    return this.getDated(object, form, { nowMs: 0, make: () => ({ bytes: make(), holdsUntilMs: Infinity }) });
  }

  /** For bytes that tell ages: made anew when one of them has changed. */
  abstract getDated(object: StoredObject, form: string, dated: Dated): Uint8Array;
}

export class EncodedForms extends Encodings {
  // By form, and there in the order they came. No form is empty.
  private readonly forms = new Map<string, Map<StoredObject, Encoded>>();

  override getDated(object: StoredObject, form: string, dated: Dated): Uint8Array {
    const known = this.forms.get(form)?.get(object);
    if (known && dated.nowMs < known.holdsUntilMs) return known.bytes;
    if (known) this.drop(form, object);
    const made = dated.make();
    const ofForm = this.forms.get(form) ?? new Map<StoredObject, Encoded>();
    this.forms.set(form, ofForm);
    ofForm.set(object, made);
    this.heldBytes += made.bytes.length + entryBytes;
    this.shrink(form, object);
    return made.bytes;
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
    const encoded = ofForm?.get(object);
    if (!ofForm || !encoded) return;
    ofForm.delete(object);
    if (ofForm.size === 0) this.forms.delete(form);
    this.heldBytes -= encoded.bytes.length + entryBytes;
  }
}
