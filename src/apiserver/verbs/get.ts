/** GET of one object. */
import { invalid as invalidField } from "#machinery/field-error.ts";
import { badRequest, notFound } from "#machinery/status.ts";
import { cacheOf, targetOf, type Call } from "../call.ts";
import { unreadable } from "../damaged.ts";
import type { StoredObject } from "../stored-object.ts";

/**
 * @param resourceVersion "" and "0" for the newest; else the answer is not older than it.
 * @throws StatusError 404, 500 when it is damaged, 504 when that version has not happened.
 */
export async function get(call: Call, resourceVersion: string): Promise<StoredObject> {
  const cache = await cacheOf(call.served);
  if (resourceVersion !== "" && resourceVersion !== "0") await cache.seen(revisionOf(resourceVersion), call.signal);
  const storeKey = cache.kind.storeKey(call.key);
  const found = cache.get(storeKey);
  if (found) return found;
  const damaged = cache.damagedAt(storeKey);
  throw damaged ? unreadable(storeKey, damaged) : notFound(targetOf(call));
}

/** @throws StatusError 400 when the text is no resourceVersion. */
export function revisionOf(resourceVersion: string): number {
  if (/^\d{1,16}$/.test(resourceVersion)) return Number(resourceVersion);
  const { field, message } = invalidField(
    "resourceVersion",
    resourceVersion,
    "strconv.ParseUint: parsing invalid syntax",
  );
  throw badRequest(`${field}: ${message}`);
}
