/** Telling which of two states of an object is the later one: a watch may lag behind the answer to a write. */
import type { KubeObject } from "#machinery/meta.ts";

/** The later of the two. Another object of the same name counts as later than the one that is known. */
export function newer<T extends KubeObject>(given: T, known: T | undefined): T {
  if (!known || known.metadata.uid !== given.metadata.uid) return given;
  return revisionOf(given) >= revisionOf(known) ? given : known;
}

function revisionOf({ metadata }: KubeObject): bigint {
  const text = metadata.resourceVersion ?? "";
  return /^[0-9]+$/.test(text) ? BigInt(text) : 0n;
}
