/**
 * Config maps and secrets that pods on this node refer to: read when they are needed, and watched one by one, so that
 * a node asks for no more than its pods use.
 */
import { messageOf } from "#base/assert.ts";
import { Backoff } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { secrets } from "#resources/core/secret.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { PodReferences } from "./act/environment.ts";

export interface ReferenceParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with the pods' uids after an object they show in a volume changed. */
  readonly changed: (podUids: ReadonlySet<string>) => void;
}

interface Watched {
  readonly pods: Set<string>;
  readonly stop: AbortController;
}

/** So many objects may the volumes of one pod show: each is watched for as long as the pod is there. */
export const shownObjectsMax = 256;
// Others wait: the watches of hundreds of volumes at once would keep everybody else from the server.
const startingMax = 8;

const watchable = { configmaps: configMaps, secrets } as const;
type Watchable = keyof typeof watchable;

export class References {
  private readonly parts: ReferenceParts;
  /** By "secrets/namespace/name". */
  private readonly watched = new Map<string, Watched>();
  private starting = 0;
  // In the order they came. At most as many as there are watched objects.
  private readonly waiting: (() => void)[] = [];

  constructor(parts: ReferenceParts) {
    this.parts = parts;
  }

  /** Objects of the pod's namespace, as they are now. */
  of(pod: Pod): PodReferences {
    const namespace = pod.metadata.namespace ?? "";
    return {
      configMap: (name) => this.find(configMaps, namespace, name),
      secret: (name) => this.find(secrets, namespace, name),
    };
  }

  /** Watches what the pod's volumes show, until `release`. */
  watch(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    // Those of a pod that shows more are never placed.
    for (const key of shownObjects(pod).slice(0, shownObjectsMax)) {
      const known = this.watched.get(key);
      if (known) known.pods.add(uid);
      else this.start(key, uid);
    }
  }

  release(podUid: string): void {
    for (const [key, { pods, stop }] of this.watched) {
      if (!pods.delete(podUid) || pods.size > 0) continue;
      stop.abort();
      this.watched.delete(key);
    }
  }

  private async find<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    try {
      return await this.parts.client.get(resource, { namespace, name });
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  }

  private start(key: string, podUid: string): void {
    const stop = new AbortController();
    const watched: Watched = { pods: new Set([podUid]), stop };
    this.watched.set(key, watched);
    void this.follow(key, watched);
  }

  /** Never throws: what cannot be watched is tried again until nobody needs it. */
  private async follow(key: string, { pods, stop }: Watched): Promise<void> {
    const { client, clock, log, changed } = this.parts;
    const [plural = "", namespace = "", name = ""] = key.split("/");
    // Holds because `shownObjects` makes the keys.
    const resource = watchable[plural as Watchable];
    const backoff = new Backoff({ firstMs: 500, maxMs: 60_000, resetAfterMs: 60_000, clock });
    while (!stop.signal.aborted) {
      const started = await this.turnToStart();
      try {
        const request = { namespace, fieldSelector: `metadata.name=${name}` };
        for await (const event of client.watch<KubeObject>(resource, request, stop.signal)) {
          started();
          // The first state counts too: it may be newer than what the volume was made from.
          if (event.type !== "bookmark") changed(pods);
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        log.debug("watch broke", { object: key, error: messageOf(error) });
      } finally {
        started();
      }
      await clock.sleep(backoff.nextMs(), stop.signal).catch(() => undefined);
    }
  }

  /** @returns What is to be called, once or more, when the watch stands or failed. */
  private async turnToStart(): Promise<() => void> {
    if (this.starting < startingMax) this.starting += 1;
    else await new Promise<void>((resolve) => void this.waiting.push(resolve));
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = this.waiting.shift();
      if (next) next();
      else this.starting -= 1;
    };
  }
}

/** Keys of the objects that volumes of the pod show. */
export function shownObjects(pod: Pod): readonly string[] {
  const namespace = pod.metadata.namespace ?? "";
  const keys = new Set<string>();
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    if (configMap?.name) keys.add(`configmaps/${namespace}/${configMap.name}`);
    if (secret?.secretName) keys.add(`secrets/${namespace}/${secret.secretName}`);
    for (const source of projected?.sources ?? []) {
      if (source.configMap?.name) keys.add(`configmaps/${namespace}/${source.configMap.name}`);
      if (source.secret?.name) keys.add(`secrets/${namespace}/${source.secret.name}`);
    }
  }
  return [...keys];
}
