/** Owners known to be gone, so that a thousand dependents ask for them once. */
import type { OwnerReference } from "#machinery/meta.ts";

const ownersMax = 500;

export class AbsentOwners {
  private readonly known = new Set<string>();

  /** An object with this uid was seen to go: whoever names it, wherever, names nothing. */
  addUid(uid: string): void {
    this.add(uid);
  }

  /** Nothing has this name and uid in this namespace. In another there may be one. */
  addReference(reference: OwnerReference, namespace: string): void {
    this.add(idOf(reference, namespace));
  }

  has(reference: OwnerReference, namespace: string): boolean {
    return this.known.has(reference.uid) || this.known.has(idOf(reference, namespace));
  }

  private add(id: string): void {
    this.known.add(id);
    if (this.known.size <= ownersMax) return;
    const oldest = this.known.values().next();
    if (!oldest.done) this.known.delete(oldest.value);
  }
}

function idOf({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): string {
  return JSON.stringify([namespace, apiVersion, kind, name, uid]);
}
