/** GET of one object. */
import { invalid as invalidField } from "#machinery/field-error.ts";
import { badRequest, notFound } from "#machinery/status.ts";
import { cacheOf, targetOf, type Call } from "../call.ts";
import type { StoredObject } from "../stored-object.ts";

/**
 * @param resourceVersion "" and "0" for the newest; else the answer is not older than it.
 * @throws StatusError 404, 504 when that version has not happened.
 */
export async function get(call: Call, resourceVersion: string): Promise<StoredObject> {
  const cache = await cacheOf(call.served);
  if (resourceVersion !== "" && resourceVersion !== "0") await cache.seen(revisionOf(resourceVersion), call.signal);
  const found = cache.get(cache.kind.storeKey(call.key));
  if (!found) throw notFound(targetOf(call));
  return found;
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
