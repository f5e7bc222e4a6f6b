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
import { scopeEnd, type Scope, type WatchCache } from "../watch-cache.ts";
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
  await cache.indexed(selection);
  const { revision } = cache;
  const view = cache.view();
  const page = await pageOf(core, { ...cache.scope(selection), selection, limit, revision });
  // For the pages to come, which show what there was when the first one was begun.
  if (page.continue !== "") cache.keepView(revision, view);
  return page;
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

/** A page of the past, or of now when the token says so. */
async function listFrom(core: Core, cache: WatchCache, { selection, options, token }: From): Promise<Page> {
  const { limit } = options;
  const revision = token.revision < 0 ? cache.revision : token.revision;
  const from = token.start > selection.from ? token.start : selection.from;
  const rest = { selection, limit, revision, from, to: scopeEnd(selection.from) };
  // What was compacted is refused also where the cache could still tell it: clients rely on tokens that end.
  const objects = revision < core.store.compactedRevision ? undefined : cache.viewAt(revision);
  if (objects) return pageOf(core, { ...rest, objects });
  try {
    return await pageOfStore(core, cache, rest);
  } catch (error) {
    if (error instanceof CompactedError) throw tooOld(token.start, cache.kind.prefix);
    // A token of a state that a restored backup does not have: the client lists anew, as with one that is too old.
    // Differs from upstream: it answers 500, and clients give up.
    if (error instanceof FutureRevisionError) throw gone(`The resourceVersion for the provided list is too new.`);
    throw error;
  }
}

const tooOldText =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

function tooOld(start: string, prefix: string): Error {
  if (start === "") return gone(`The resourceVersion for the provided list is too old.`);
  return gone(tooOldText, encodeContinue({ revision: -1, start }, prefix));
}

interface Paging {
  readonly selection: Selection;
  /** 0 for all. */
  readonly limit: number;
  readonly revision: Revision;
  /** Keys from here on, inclusive, up to `to`, exclusive. */
  readonly from: string;
  readonly to: string;
}

/** The first `limit` selected objects of a scope. */
async function pageOf(core: Core, paging: Paging & Scope): Promise<Page> {
  const { objects, selection, limit, revision, from, to } = paging;
  const page = new PageMaker(selection, limit);
  for (const object of objects.range(from, to)) {
    // To select may mean to decode, and there may be many.
    const rest = core.turns.rest();
    if (rest) await rest;
    if (!page.take(object)) break;
  }
  const remaining = selectsWhole(selection) ? objects.count(from, to) - page.objects.length : undefined;
  return page.at(revision, remaining);
}

// Entries of the store that are read at a time for a page of the past that is no longer in memory.
const stepEntries = 500;

/** The same, of a past that only the store knows. @throws CompactedError, FutureRevisionError */
async function pageOfStore(
  core: Core,
  cache: WatchCache,
  { selection, limit, revision, from, to }: Paging,
): Promise<Page> {
  const page = new PageMaker(selection, limit);
  const isWhole = selectsWhole(selection);
  let first = from;
  for (;;) {
    const step = isWhole && limit > 0 ? Math.min(limit, stepEntries) : stepEntries;
    const { entries, remaining } = await core.store.range({ from: first, to, revision, limit: step });
    for (const entry of entries) {
      const rest = core.turns.rest();
      if (rest) await rest;
      const object = cache.kind.read(entry);
      if (object instanceof StoredObject && !page.take(object)) return page.at(revision, undefined);
    }
    const last = entries.at(-1);
    if (!last || remaining === 0) return page.at(revision, 0);
    if (isWhole && page.isFull) return page.at(revision, remaining);
    first = `${last.key}\0`;
  }
}

/** True when all objects of the scope are selected, so that those that remain can be counted. */
function selectsWhole(selection: Selection): boolean {
  return selection.selectsAll && selection.name === undefined;
}

/** Takes the objects of a scope by rising key until the page is full. */
class PageMaker {
  readonly objects: StoredObject[] = [];
  private readonly selection: Selection;
  private readonly limit: number;
  private hasMore = false;

  constructor(selection: Selection, limit: number) {
    this.selection = selection;
    this.limit = limit;
  }

  get isFull(): boolean {
    return this.limit > 0 && this.objects.length >= this.limit;
  }

  /** False when the page was full before, and there is more for another one. */
  take(object: StoredObject): boolean {
    if (!this.selection.selects(object)) return true;
    this.hasMore = this.isFull;
    if (!this.hasMore) this.objects.push(object);
    return !this.hasMore;
  }

  /** @param remaining Objects after those of the page; undefined when they were not counted. */
  at(revision: Revision, remaining: number | undefined): Page {
    const { objects } = this;
    const isLast = !this.hasMore && (remaining ?? 0) === 0;
    if (isLast) return { objects, revision, continue: "", remaining: undefined };
    return { objects, revision, continue: nextOf(objects, revision), remaining };
  }
}

function nextOf(objects: readonly StoredObject[], revision: Revision): string {
  const final = objects.at(-1);
  return final ? encodeContinue({ revision, start: `${final.storeKey}\0` }, final.kind.prefix) : "";
}
