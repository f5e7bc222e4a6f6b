/**
 * GET of a collection: which objects, at which revision, and where the next page starts.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
import { forbidden, notSupported, type FieldError } from "#machinery/field-error.ts";
import { badRequest, gone, invalid } from "#machinery/status.ts";
import { CompactedError, FutureRevisionError, type Revision } from "#storage/store.ts";
import { cacheOf, type Call, type Core } from "../call.ts";
import { Selection } from "../selection.ts";
import { StoredObject } from "../stored-object.ts";
import type { WatchCache } from "../watch-cache.ts";
import { decodeContinue, encodeContinue, type ContinueToken } from "./continue-token.ts";
import { revisionOf } from "./get.ts";

export interface ListOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  /** 0 for all. */
  readonly limit: number;
  readonly continue: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  /** True when it asks for what only a watch has. */
  readonly asksForEvents?: boolean;
}

export interface Page {
  readonly objects: readonly StoredObject[];
  /** The resourceVersion of the list. */
  readonly revision: Revision;
  /** "" when this is the last page. */
  readonly continue: string;
  readonly remaining: number | undefined;
}

/** @throws StatusError 400, 410 when the revision is gone, 422, 504 when it has not happened. */
export async function list(core: Core, call: Call, options: ListOptions): Promise<Page> {
  checkOptions(options);
  // What is computed has no list of its own: there is none of it.
  if (!call.served.cache) return { objects: [], revision: core.store.revision, continue: "", remaining: undefined };
  const cache = await cacheOf(call.served);
  const { labelSelector, fieldSelector } = options;
  const selection = new Selection(call.served, cache.kind, {
    namespace: call.key.namespace,
    labelSelector,
    fieldSelector,
  });
  if (options.continue !== "") {
    if (options.resourceVersion !== "" && options.resourceVersion !== "0")
      throw badRequest("specifying resource version is not allowed when using continue");
    const token = decodeContinue(options.continue, cache.kind.prefix);
    return listFrom(core, cache, { selection, options, token });
  }
  const { resourceVersion, resourceVersionMatch, limit } = options;
  if (resourceVersion !== "" && resourceVersion !== "0") {
    const revision = revisionOf(resourceVersion);
    await cache.seen(revision, call.signal);
    if (resourceVersionMatch === "Exact" || (resourceVersionMatch === "" && limit > 0))
      return listFrom(core, cache, { selection, options, token: { revision, start: "" } });
  }
  return pageOf(core, cache.scope(selection), { selection, options, revision: cache.revision });
}

/** All refusals of the options at once. @throws StatusError 422 */
function checkOptions(options: ListOptions): void {
  const errors = options.resourceVersionMatch === "" ? [] : matchErrors(options);
  if (options.asksForEvents === true)
    errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", resource: "ListOptions", name: "" }, errors);
}

function matchErrors({ resourceVersion, resourceVersionMatch: match, continue: token }: ListOptions): FieldError[] {
  const field = "resourceVersionMatch";
  const errors: FieldError[] = [];
  if (resourceVersion === "")
    errors.push(forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  if (token !== "") errors.push(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
  if (match !== "Exact" && match !== "NotOlderThan")
    errors.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
  if (match === "Exact" && resourceVersion === "0")
    errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  return errors;
}

interface From {
  readonly selection: Selection;
  readonly options: ListOptions;
  readonly token: ContinueToken;
}

/** A page of the past, or of now when nothing changed since. */
async function listFrom(core: Core, cache: WatchCache, { selection, options, token }: From): Promise<Page> {
  const { start } = token;
  const revision = token.revision < 0 ? cache.revision : token.revision;
  // What was compacted is refused also where the cache could still tell it: clients rely on tokens that end.
  const isKept = revision >= core.store.compactedRevision;
  if (token.revision < 0 || (isKept && cache.unchangedSince(revision))) {
    const scope = cache.scope(selection);
    const from = start === "" ? scope : scope.slice(firstNotBelow(scope, start));
    return pageOf(core, from, { selection, options, revision });
  }
  // The past is read from the store, which knows where a scope begins and ends.
  const first = start > selection.from ? start : selection.from;
  const to = selection.isOne ? `${selection.from}\0` : `${selection.from.slice(0, -1)}0`;
  try {
    const { entries } = await core.store.range({ from: first, to, revision });
    const scope: StoredObject[] = [];
    for (const entry of entries) {
      const object = cache.kind.read(entry);
      if (object instanceof StoredObject) scope.push(object);
      const rest = core.turns.rest();
      if (rest) await rest;
    }
    return await pageOf(core, scope, { selection, options, revision });
  } catch (error) {
    if (error instanceof CompactedError) throw tooOld(start, cache.kind.prefix);
    // A token of a state that a restored backup does not have: the client lists anew, as with one that is too old.
    // Differs from upstream: it answers 500, and clients give up.
    if (error instanceof FutureRevisionError) throw gone(`The resourceVersion for the provided list is too new.`);
    throw error;
  }
}

function firstNotBelow(sorted: readonly StoredObject[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const held = sorted[middle];
    if (held && held.storeKey < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const tooOldText =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

function tooOld(start: string, prefix: string): Error {
  if (start === "") return gone(`The resourceVersion for the provided list is too old.`);
  return gone(tooOldText, encodeContinue({ revision: -1, start }, prefix));
}

interface Paging {
  readonly selection: Selection;
  readonly options: ListOptions;
  readonly revision: Revision;
}

/** The first `limit` selected objects of a scope. */
async function pageOf(
  core: Core,
  scope: readonly StoredObject[],
  { selection, options, revision }: Paging,
): Promise<Page> {
  const { limit } = options;
  const last: Page = { objects: [], revision, continue: "", remaining: undefined };
  if (selection.selectsAll && selection.name === undefined) {
    if (limit === 0 || scope.length <= limit) return { ...last, objects: scope };
    const objects = scope.slice(0, limit);
    return { ...last, objects, continue: nextOf(objects, revision), remaining: scope.length - limit };
  }
  const objects: StoredObject[] = [];
  for (const object of scope) {
    // To select may mean to decode, and there may be many.
    const rest = core.turns.rest();
    if (rest) await rest;
    if (!selection.selects(object)) continue;
    if (limit > 0 && objects.length === limit) return { ...last, objects, continue: nextOf(objects, revision) };
    objects.push(object);
  }
  return { ...last, objects };
}

function nextOf(objects: readonly StoredObject[], revision: Revision): string {
  const final = objects.at(-1);
  return final ? encodeContinue({ revision, start: `${final.storeKey}\0` }, final.kind.prefix) : "";
}
