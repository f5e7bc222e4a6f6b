/**
 * GET with `watch`: changes as they happen, after what is there already when that is asked for.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import { forbidden, notSupported, type FieldError } from "#machinery/field-error.ts";
import { invalid } from "#machinery/status.ts";
import { cacheOf, type Call, type Core } from "../call.ts";
import { Selection } from "../selection.ts";
import type { WatchSink } from "../watch-cache.ts";
import { revisionOf } from "./get.ts";

export interface WatchOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly continue: string;
  readonly allowBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  /** 0 for the server's choice; less ends at once, as upstream. */
  readonly timeoutSeconds: number;
}

// A watch that does not say ends after 30 to 60 minutes, so that not all come back at once. It is whole seconds: the
// engine keeps a list for each length of time, and thousands of watches end when their connections do.
const lengthMinMs = 30 * 60_000;
const bookmarkEveryMs = 60_000;

/**
 * Feeds `sink` until the call's signal is aborted or the watch's time is over. Returns once the watch is set up.
 *
 * @throws StatusError 410 when the resourceVersion is too old, 422
 */
export async function watch(core: Core, call: Call, { options, sink }: { options: WatchOptions; sink: WatchSink }) {
  checkOptions(options);
  const cache = await cacheOf(call.served);
  const { labelSelector, fieldSelector, resourceVersion, sendInitialEvents, allowBookmarks } = options;
  const selection = new Selection(call.served, cache.kind, {
    namespace: call.key.namespace,
    labelSelector,
    fieldSelector,
  });
  const fromNow = resourceVersion === "" || resourceVersion === "0";
  if (!fromNow && sendInitialEvents === true) await cache.seen(revisionOf(resourceVersion), call.signal);
  const after = fromNow || sendInitialEvents === true ? undefined : revisionOf(resourceVersion);
  const ended = new AbortController();
  const signal = AbortSignal.any([call.signal, ended.signal]);
  const start = {
    after: sendInitialEvents === false && fromNow ? cache.revision : after,
    initialBookmark: sendInitialEvents === true && allowBookmarks,
  };
  const feed = await cache.watch(selection, start, { sink, signal });
  // One that left meanwhile would never take its timers with it.
  if (signal.aborted) return;
  const lengthMs =
    options.timeoutSeconds === 0
      ? lengthMinMs + 1000 * Math.floor((lengthMinMs / 1000) * core.random.fraction())
      : Math.max(options.timeoutSeconds, 0) * 1000;
  const end = core.clock.after(lengthMs, () => ended.abort());
  signal.addEventListener("abort", () => end.cancel(), { once: true });
  if (allowBookmarks) bookmarks(core, signal, () => feed.bookmark(cache.revision));
}

function bookmarks(core: Core, signal: AbortSignal, send: () => void): void {
  if (signal.aborted) return;
  const next = core.clock.after(bookmarkEveryMs, () => {
    signal.removeEventListener("abort", cancel);
    send();
    bookmarks(core, signal, send);
  });
  const cancel = (): void => next.cancel();
  signal.addEventListener("abort", cancel, { once: true });
}

function checkOptions(options: WatchOptions): void {
  const { resourceVersionMatch: match, sendInitialEvents } = options;
  const field = "resourceVersionMatch";
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== "NotOlderThan")
    errors.push(forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  if (match !== "") {
    if (sendInitialEvents === undefined)
      errors.push(forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
    if (match !== "NotOlderThan") errors.push(notSupported(field, match, ["NotOlderThan"]));
    if (options.continue !== "")
      errors.push(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
  }
  if (errors.length > 0) throw invalid({ group: "meta.k8s.io", resource: "ListOptions", name: "" }, errors);
}
