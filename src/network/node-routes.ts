/**
 * Routes to the pods of other nodes, straight over the nodes' addresses. This needs nodes that share a network segment;
 * where they do not, a sentence says which node cannot be reached, and everything else goes on.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/networking/
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { InformerFactory } from "#client/informer.ts";
import { nodes, type Node } from "#resources/core/node.ts";

/** The machine's routes, as far as they are ours. */
export interface RouteTable {
  /** Adds the route, or changes the one to the same range. @throws Error when the kernel refuses it */
  replace(route: PodRoute, signal: AbortSignal): Promise<void>;
  remove(route: PodRoute, signal: AbortSignal): Promise<void>;
}

export interface PodRoute {
  readonly podCidr: string;
  /** Address of the node that has these pods. */
  readonly via: string;
}

export interface NodeRoutesOptions {
  readonly informers: InformerFactory;
  readonly table: RouteTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeName: string;
}

const gatherMs = 50;
const retryMs = 30_000;

export function nodeRoutes({ informers, table, clock, log: parent, nodeName }: NodeRoutesOptions): Component {
  const log = parent.for("node-routes");
  return {
    name: "node-routes",
    run: async (signal) => {
      const informer = informers.informer(nodes);
      await informer.whenSynced(signal);
      const queue = new WorkQueue(clock);
      // What the kernel holds of ours, by range.
      const present = new Map<string, PodRoute>();
      const refused = new Set<string>();
      informer.onChange(() => queue.addAfter("sync", gatherMs), signal);
      try {
        while (!signal.aborted) {
          const key = await queue.next(signal);
          const { missing, stale } = planRoutes(routesOf(informer.list(), nodeName), present);
          for (const route of stale) await table.remove(route, signal).then(() => present.delete(route.podCidr));
          for (const route of missing) {
            try {
              await table.replace(route, signal);
              present.set(route.podCidr, route);
              refused.delete(route.via);
            } catch (error) {
              if (!refused.has(route.via))
                log.warn("pods of a node cannot be reached: nodes must share a network segment", {
                  via: route.via,
                  error: messageOf(error),
                });
              refused.add(route.via);
              queue.addAfter(key, retryMs);
            }
          }
          queue.done(key);
        }
      } finally {
        queue.close();
      }
    },
  };
}

/** Pure: a route for every other node that has pods and an address. */
export function routesOf(all: readonly Node[], nodeName: string): readonly PodRoute[] {
  return all.flatMap(({ metadata, spec, status }) => {
    const via = status.addresses?.find(({ type }) => type === "InternalIP")?.address;
    const { podCIDR } = spec;
    return metadata.name === nodeName || via === undefined || podCIDR === undefined ? [] : [{ podCidr: podCIDR, via }];
  });
}

/** Pure: what is to be added and removed. */
export function planRoutes(
  wanted: readonly PodRoute[],
  present: ReadonlyMap<string, PodRoute>,
): { readonly missing: readonly PodRoute[]; readonly stale: readonly PodRoute[] } {
  const ranges = new Set(wanted.map(({ podCidr }) => podCidr));
  return {
    missing: wanted.filter(({ podCidr, via }) => present.get(podCidr)?.via !== via),
    stale: [...present.values()].filter(({ podCidr }) => !ranges.has(podCidr)),
  };
}
