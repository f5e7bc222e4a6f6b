/** Changes of what is there: made from the newest state, written if it still is the newest, else made anew. */
import type { Revision } from "#storage/store.ts";
import { timeout } from "#machinery/status.ts";
import { cacheOf, type Core, type WriteCall } from "../call.ts";
import { unreadable } from "../damaged.ts";
import { StoredObject } from "../stored-object.ts";
import type { WatchCache } from "../watch-cache.ts";

/** Who loses this often has written against something that never stops. */
const triesMax = 100;

export type Try<T> =
  | { readonly kind: "done"; readonly result: T }
  /** Somebody else wrote, at this revision; 0 when there is nothing now, or when that is not known. */
  | { readonly kind: "lost"; readonly to: Revision };

/**
 * @param work One try on the newest state; undefined when there is none.
 * @throws StatusError 504 after so many lost tries, the call's reason when its client left between two of them.
 */
export async function optimistic<T>(
  core: Core,
  call: WriteCall,
  work: (current: StoredObject | undefined) => Promise<Try<T>>,
): Promise<T> {
  const cache = await cacheOf(call.served);
  const storeKey = cache.kind.storeKey(call.key);
  const first = await work(readable(cache, storeKey));
  if (first.kind === "done") return first.result;
  using loser = core.races.lost(storeKey);
  let after = first.to;
  for (let tries = 2; tries <= triesMax; tries += 1) {
    await loser.pause(call.signal);
    const next = await work(await newest(core, cache, { storeKey, after }));
    if (next.kind === "done") return next.result;
    after = next.to;
  }
  throw timeout(`the object was changed by others ${triesMax} times while it was to be written; try again`);
}

/** From the cache when it has seen the write that won, which it has unless it was replaced. */
async function newest(
  core: Core,
  cache: WatchCache,
  { storeKey, after }: { storeKey: string; after: Revision },
): Promise<StoredObject | undefined> {
  const held = cache.get(storeKey);
  if (held && after > 0 && held.revision >= after) return held;
  const entry = await core.store.get(storeKey);
  if (!entry) return undefined;
  const read = cache.kind.read(entry);
  if (read instanceof StoredObject) return read;
  throw unreadable(storeKey, { revision: entry.modRevision, why: read.why });
}

/** @throws StatusError 500 when there is an object that cannot be read */
function readable(cache: WatchCache, storeKey: string): StoredObject | undefined {
  const current = cache.get(storeKey);
  const damaged = current ? undefined : cache.damagedAt(storeKey);
  if (damaged) throw unreadable(storeKey, damaged);
  return current;
}
