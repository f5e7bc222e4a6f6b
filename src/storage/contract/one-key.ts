/** Commits of one key, in the words that tests speak of them. */
import { absent, type Revision, type Store, type WriteOptions } from "../store.ts";

export interface Outcome {
  readonly kind: "created" | "exists" | "updated" | "deleted" | "conflict" | "missing";
  /** Of the write, or what the key is at; 0 when it is not there. */
  readonly revision: Revision;
}

export async function create(store: Store, key: string, value: Uint8Array): Promise<Outcome> {
  return update(store, { key, value, expected: absent });
}

export async function update(
  store: Store,
  { key, value, expected }: { readonly key: string; readonly value: Uint8Array; readonly expected: Revision },
  options?: WriteOptions,
): Promise<Outcome> {
  const outcome = await store.commit([{ key, value, expected }], options);
  if (outcome.kind === "conflict")
    return expected === absent ? { kind: "exists", revision: outcome.revision } : lost(outcome.revision);
  return { kind: expected === absent ? "created" : "updated", revision: outcome.revisions[0] ?? absent };
}

/** @param expected Absent to delete the key as it is. */
export async function remove(store: Store, key: string, expected?: Revision): Promise<Outcome> {
  const held = expected ?? (await store.get(key))?.modRevision;
  if (held === undefined) return lost(absent);
  const outcome = await store.commit([{ key, expected: held }]);
  if (outcome.kind === "conflict") return lost(outcome.revision);
  return { kind: "deleted", revision: outcome.revisions[0] ?? absent };
}

function lost(revision: Revision): Outcome {
  return { kind: revision === absent ? "missing" : "conflict", revision };
}
