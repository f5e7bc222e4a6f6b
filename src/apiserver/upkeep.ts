/** What the API server does on its own: forgets old history, and events nobody will read any more. */
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Client } from "#client/client.ts";
import { untyped } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { events, type Event } from "#resources/core/event.ts";
import type { Store } from "#storage/store.ts";
import { cacheOf, type Core } from "./call.ts";
import { isOld } from "./event-age.ts";

/** History is kept this long, so that watchers that were cut off can go on where they were. Upstream's value. */
const compactionMs = 300_000;
const eventSweepMs = 300_000;

/** Compacts to where the log was one interval ago; a log that did not grow is left alone. */
export function compactor(store: Store, clock: Clock): Component {
  return {
    name: "compactor",
    run: async (signal) => {
      let mark = store.revision;
      for (;;) {
        await clock.sleep(compactionMs, signal);
        if (mark > store.compactedRevision) await store.compact(mark);
        mark = store.revision;
      }
    },
  };
}

/** Deletes events an hour after they were last seen. */
export function eventExpiry(core: Pick<Core, "registry" | "turns" | "clock">, client: Client): Component {
  const { clock } = core;
  return {
    name: "event-expiry",
    run: async (signal) => {
      for (;;) {
        await clock.sleep(eventSweepMs, signal);
        await expireEvents(core, client);
      }
    },
  };
}

/** One look at every event, decoded one by one and not kept: there may be many. */
async function expireEvents(
  { registry, turns, clock }: Pick<Core, "registry" | "turns" | "clock">,
  client: Client,
): Promise<void> {
  const served = registry.of(untyped(events));
  if (!served) return;
  const cache = await cacheOf(served);
  for (const stored of cache.all()) {
    const rest = turns.rest();
    if (rest) await rest;
    // Holds because only events are stored there.
    const event = stored.object as Event;
    if (!isOld(event, clock.nowMs())) continue;
    const { namespace = "", name = "" } = event.metadata;
    const { resourceVersion = "" } = event.metadata;
    // One that was seen again since it was looked at stays.
    await client.delete(events, { namespace, name }, { resourceVersion }).catch((error: unknown) => {
      if (!isReason(error, "NotFound") && !isReason(error, "Conflict")) throw error;
    });
  }
}
