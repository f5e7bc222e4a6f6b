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

/**
 * The dependents an owner in foreground deletion has to wait for. Differs from upstream, where an object that names
 * itself as its owner waits for ever, and its namespace with it.
 */
export function blocking(owner: Item, dependents: readonly Item[]): readonly Item[] {
  return dependents.filter(
    ({ uid, owners }) =>
      uid !== owner.uid &&
      owners.some((reference) => reference.uid === owner.uid && reference.blockOwnerDeletion === true),
  );
}
