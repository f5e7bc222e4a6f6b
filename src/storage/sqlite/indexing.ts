/** Makes the index of keys from the table, when the database is opened: one pass over the rows, values left out. */
import { HeldKeys } from "./held-keys.ts";
import type { LogTable } from "./log-table.ts";

export function indexOf(table: LogTable): HeldKeys {
  const index = new HeldKeys();
  const bytes = Buffer.allocUnsafe(0xffff);
  for (const { revision, key, createRevision, previous, sizeBytes, isSound } of table.scan()) {
    let length = bytes.write(key);
    // A row whose key may be wrong is that of the key it follows: an older state must not come back in its place.
    if (!isSound && previous !== undefined && !index.get(bytes.subarray(0, length)))
      length = bytes.write(keyAt(index, previous) ?? key);
    index.set(bytes.subarray(0, length), { modRevision: revision, createRevision, sizeBytes });
  }
  return index;
}

function keyAt(index: HeldKeys, revision: number): string | undefined {
  for (const { key, held } of index.from(new Uint8Array(0))) if (held.modRevision === revision) return key;
  return undefined;
}
