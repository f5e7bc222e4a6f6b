/** What garbage collection does with one object: pure decisions on what is known of it and its owners. */
import type { OwnerReference } from "#machinery/meta.ts";
import type { Item } from "./graph.ts";

/** What became of an owner that an object names. */
export type OwnerState = "there" | "gone" | "waiting";

export type Verdict =
  | { readonly kind: "keep" }
  /** Some owners are there: forget the others. */
  | { readonly kind: "disown"; readonly uids: readonly string[] }
  | { readonly kind: "delete"; readonly policy: "Background" | "Foreground" | "Orphan" };

const keep: Verdict = { kind: "keep" };

/**
 * An object goes when no owner is left; an owner that waits for its dependents counts as leaving.
 *
 * @param dependents Of the item itself.
 */
export function judge(
  item: Item,
  owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[],
  dependents: readonly Item[],
): Verdict {
  if (owners.length === 0 || (item.deleting && !item.waitsForDependents)) return keep;
  const leaving = owners.filter(({ state }) => state !== "there");
  if (leaving.length === 0) return keep;
  if (leaving.length < owners.length) return { kind: "disown", uids: leaving.map(({ reference }) => reference.uid) };
  if (item.waitsForDependents) return keep;
  const waiting = owners.some(({ state }) => state === "waiting");
  // Its own dependents first, so that the owner that waits goes last.
  if (waiting && dependents.length > 0) return { kind: "delete", policy: "Foreground" };
  return { kind: "delete", policy: item.orphansDependents ? "Orphan" : "Background" };
}

/** How far a circle of owners is looked for; objects in a longer one wait for one another. */
const circleMax = 1_000;

/**
 * The dependents an owner in foreground deletion has to wait for: not those that wait for the owner in turn. Differs from
 * upstream, where an object that names itself as its owner waits for ever, and its namespace with it.
 */
export function blocking(owner: Item, dependentsOf: (uid: string) => readonly Item[]): readonly Item[] {
  return dependentsOf(owner.uid).filter(
    (dependent) =>
      dependent.uid !== owner.uid &&
      dependent.owners.some((reference) => reference.uid === owner.uid && reference.blockOwnerDeletion === true) &&
      !(dependent.waitsForDependents && waitsFor(dependent, owner, dependentsOf)),
  );
}

/** True when what `item` waits for leads back to `owner`. */
function waitsFor(item: Item, owner: Item, dependentsOf: (uid: string) => readonly Item[]): boolean {
  const seen = new Set([item.uid]);
  // A set is walked in the order it grows.
  for (const uid of seen) {
    for (const dependent of dependentsOf(uid)) {
      if (dependent.uid === owner.uid) return true;
      if (dependent.waitsForDependents && seen.size < circleMax) seen.add(dependent.uid);
    }
  }
  return false;
}
