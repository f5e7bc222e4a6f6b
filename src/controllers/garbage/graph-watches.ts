/**
 * Keeps the graph of owners from watches of every resource that can be deleted, and says whether it is whole: nothing
 * that depends on having seen every dependent is decided before.
 */
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Client, WatchEvent } from "#client/client.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { eachKindOnce } from "../served-kinds.ts";
import { itemFields, itemOf, type Graph, type Item } from "./graph.ts";

export interface GraphWatchesParts {
  readonly client: Client;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
}

/** Hears of what changed: the item as it is now, or as it was before it went, and what was known of it. */
export interface GraphListener {
  put(item: Item, before: Item | undefined): void;
  removed(item: Item): void;
  /** Its kind is not served any more. It may still be there, and come back. */
  unserved(item: Item): void;
}

interface Watched {
  readonly resource: ResourceDefinition;
  readonly ending: AbortController;
  /** The graph holds every object of it, as of some moment. */
  whole: boolean;
  /** When it first failed since it was whole last, by the clock that only goes forward. */
  failingSinceMs: number | undefined;
}

// A resource that cannot be listed for so long, for instance one whose conversion fails, does not hold up the others.
const failingMsMax = 30_000;

/** The resources whose objects can be owned: a kind of two versions or groups is one set. */
export function deletable(resources: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  return eachKindOnce(resources).filter(({ verbs }) => verbs.includes("watch") && verbs.includes("delete"));
}

export class GraphWatches {
  private readonly parts: GraphWatchesParts;
  private readonly graph: Graph;
  private readonly listener: GraphListener;
  private readonly watched = new Map<string, Watched>();

  constructor(graph: Graph, listener: GraphListener, parts: GraphWatchesParts) {
    this.graph = graph;
    this.listener = listener;
    this.parts = parts;
  }

  /** Follows the resources there are, until the signal is aborted. */
  follow(signal: AbortSignal): void {
    this.parts.resources.onChange((resources) => this.watchAll(resources, signal), signal);
  }

  /** True once every resource was seen whole, but for those that have been failing for long. */
  get whole(): boolean {
    const nowMs = this.parts.clock.monotonicMs();
    return (
      this.watched.size > 0 &&
      [...this.watched.values()].every(
        ({ whole, failingSinceMs }) => whole || (failingSinceMs !== undefined && nowMs - failingSinceMs > failingMsMax),
      )
    );
  }

  private watchAll(resources: readonly ResourceDefinition[], signal: AbortSignal): void {
    const wanted = new Map(deletable(resources).map((resource) => [resource.id, resource]));
    for (const [id, { ending }] of this.watched) {
      if (wanted.has(id)) continue;
      ending.abort(new Error(`${id} is not served any more`));
      this.watched.delete(id);
      for (const item of this.graph.itemsOf(id)) {
        this.graph.remove(item.uid);
        this.listener.unserved(item);
      }
    }
    for (const [id, resource] of wanted) {
      const before = this.watched.get(id);
      if (before?.resource.apiVersion === resource.apiVersion) continue;
      // Another version is to be asked for: what is known stays, until all there is was seen in that one.
      before?.ending.abort(new Error(`${id} is watched in another version`));
      const watched: Watched = { resource, ending: new AbortController(), whole: false, failingSinceMs: undefined };
      this.watched.set(id, watched);
      void this.watch(resource, watched, AbortSignal.any([signal, watched.ending.signal]));
    }
  }

  private async watch(resource: ResourceDefinition, watched: Watched, signal: AbortSignal): Promise<void> {
    const { clock, log, client } = this.parts;
    const backoff = new Backoff({ firstMs: 100, maxMs: 30_000, resetAfterMs: 60_000, clock });
    let resourceVersion: string | undefined;
    while (!signal.aborted) {
      try {
        // A watch without a version brings everything there is; what it does not bring is gone.
        const beginning = resourceVersion === undefined ? new Set<string>() : undefined;
        if (beginning) watched.whole = false;
        const request = { fields: itemFields, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
        for await (const event of client.watch(resource, request, signal)) {
          this.take(resource, event, beginning);
          if (event.type === "bookmark" && event.initialEventsEnd && beginning) {
            this.sweep(resource.id, beginning);
            watched.whole = true;
            watched.failingSinceMs = undefined;
          }
          if (watched.whole) resourceVersion = versionOf(event);
        }
      } catch (error) {
        if (signal.aborted) return;
        watched.failingSinceMs ??= clock.monotonicMs();
        if (isReason(error, "Expired") || isReason(error, "Gone")) resourceVersion = undefined;
        else log.warn("watching again", { resource: resource.id, error: messageOf(error) });
      }
      // Only the abort makes this sleep reject, and it ends the loop.
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  private take(resource: ResourceDefinition, event: WatchEvent<KubeObject>, beginning: Set<string> | undefined): void {
    if (event.type === "bookmark") return;
    const item = itemOf(resource, event.object);
    if (event.type === "deleted") {
      beginning?.delete(item.uid);
      this.remove(item);
      return;
    }
    beginning?.add(item.uid);
    this.listener.put(item, this.graph.put(item));
  }

  /** Removes what the graph holds of a resource and is not there any more. */
  private sweep(resourceId: string, there: ReadonlySet<string>): void {
    for (const item of this.graph.itemsOf(resourceId)) if (!there.has(item.uid)) this.remove(item);
  }

  private remove(item: Item): void {
    this.graph.remove(item.uid);
    this.listener.removed(item);
  }
}

function versionOf(event: WatchEvent<KubeObject>): string | undefined {
  return event.type === "bookmark" ? event.resourceVersion : event.object.metadata.resourceVersion;
}
