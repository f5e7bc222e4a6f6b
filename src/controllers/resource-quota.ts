/**
 * Keeps the status of resource quotas: admission counts what comes, this controller what there is. It reads the quota
 * first and then what the API answers at that moment, not what caches remember: a write that was charged since changed
 * the quota with it, so that the count, which may lack it, is refused and made anew.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client } from "#client/client.ts";
import type { Change, Informer, InformerFactory } from "#client/informer.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { deepEqual } from "#machinery/equal.ts";
import { keyOf, keyText, parseKey, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { countedBy, quotaCovers, uncounted, usageOf } from "#resources/core/quota-usage.ts";
import { resourceQuotas, type ResourceQuota } from "#resources/core/resource-quota.ts";
import { updateStatus } from "./actions.ts";
import { nothing, type Plan } from "./controller.ts";

export interface QuotaObservation {
  readonly quota: ResourceQuota;
  /** Objects of the namespace by the id of their resource. */
  readonly objects: ReadonlyMap<string, readonly KubeObject[]>;
}

export interface QuotaParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
}

const name = "resourcequota-controller";
const workers = 2;
/** Changes of one moment are counted together. */
const gatherMs = 100;
const retryMs = 200;
/** How often everything is counted anew, as upstream; more often where custom kinds are counted, which are not watched. */
const againMs = 300_000;
const customAgainMs = 10_000;

export function resourceQuotaController(parts: QuotaParts): Component {
  return { name, run: (signal) => new Recounts(parts, signal).run() };
}

class Recounts {
  private readonly parts: QuotaParts;
  private readonly signal: AbortSignal;
  private readonly queue: WorkQueue;
  private readonly quotas: Informer<ResourceQuota>;
  // Ids of resources that some quota counted once: at most one for each resource there is.
  private readonly watched = new Set<string>();

  constructor(parts: QuotaParts, signal: AbortSignal) {
    this.parts = parts;
    this.signal = signal;
    this.queue = new WorkQueue(parts.clock);
    this.quotas = parts.informers.informer(resourceQuotas);
  }

  async run(): Promise<void> {
    const { signal } = this;
    await this.quotas.whenSynced(signal);
    this.quotas.onChange((change) => {
      const { object } = change;
      const charged = change.type === "modified" && deepEqual(change.old.spec, object.spec);
      if (change.type !== "deleted" && (!charged || !deepEqual(object.spec.hard, object.status.hard)))
        this.queue.add(keyText(keyOf(object)));
    }, signal);
    try {
      await Promise.all(Array.from({ length: workers }, () => this.work()));
    } finally {
      this.queue.close();
    }
  }

  private async work(): Promise<void> {
    const { signal, queue, parts } = this;
    while (!signal.aborted) {
      const text = await queue.next(signal);
      try {
        await this.look(parseKey(text));
      } catch (error) {
        if (signal.aborted) return;
        if (!isReason(error, "Conflict") && !isReason(error, "NotFound"))
          parts.log.for(name).warn("trying again", { quota: text, error: messageOf(error) });
        queue.addAfter(text, retryMs);
      } finally {
        queue.done(text);
      }
    }
  }

  private async look(key: ObjectKey): Promise<void> {
    const known = this.quotas.get(key);
    if (!known) return;
    const counted = this.countedOf(known);
    for (const resource of counted) if (resource.schema === undefined) this.watch(resource);
    const cameIntoForce = await this.count(key, counted);
    const hasCustom = counted.some(({ schema }) => schema !== undefined);
    if (cameIntoForce) this.queue.addAfter(keyText(key), gatherMs);
    else this.queue.addAfter(keyText(key), hasCustom ? customAgainMs : againMs);
  }

  /**
   * True when the quota has limits from now on that it had not. What was let in before and is written only now was charged
   * to nobody, and changed no quota that would have refused this count: it takes another one.
   */
  private async count(key: ObjectKey, counted: readonly ResourceDefinition[]): Promise<boolean> {
    const { client } = this.parts;
    // Its role may list and watch everything, but get nothing.
    const selection = { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` };
    const [quota] = (await client.list(resourceQuotas, selection, this.signal)).items;
    if (!quota) return false;
    const objects = new Map<string, readonly KubeObject[]>();
    for (const resource of counted) {
      const { items } = await client.list(resource, { namespace: key.namespace }, this.signal);
      objects.set(resource.id, items);
    }
    for (const action of planQuota({ quota, objects }).actions)
      if (action.kind === "update")
        await client.update(action.resource, action.object, { subresource: action.subresource ?? "" });
    return !deepEqual(quota.spec.hard ?? {}, quota.status.hard ?? {});
  }

  /** The resources whose objects the quota counts, each in one of its versions. */
  private countedOf({ spec }: ResourceQuota): readonly ResourceDefinition[] {
    const ids = new Set(Object.keys(spec.hard ?? {}).map(countedBy));
    const found = new Map<string, ResourceDefinition>();
    for (const resource of this.parts.resources.all())
      if (ids.has(resource.id) && resource.namespaced && !uncounted.has(resource.id) && resource.verbs.includes("list"))
        found.set(resource.id, found.get(resource.id) ?? resource);
    return [...found.values()];
  }

  /** Counts anew when objects of a resource go or change what they use; those that come were charged. */
  private watch(resource: ResourceDefinition): void {
    if (this.watched.has(resource.id)) return;
    this.watched.add(resource.id);
    const changed = (change: Change<KubeObject>): void => {
      if (change.type === "added") return;
      const { namespace = "" } = change.object.metadata;
      const concerned = this.quotas
        .list(namespace)
        .filter(({ spec }) => Object.keys(spec.hard ?? {}).some((hard) => countedBy(hard) === resource.id));
      if (concerned.length === 0) return;
      if (change.type === "modified" && !countsOtherwise(resource.id, change.old, change.object)) return;
      for (const quota of concerned) this.queue.addAfter(keyText(keyOf(quota)), gatherMs);
    };
    this.parts.informers.informer(untyped(resource)).onChange(changed, this.signal);
  }
}

/** Most changes of objects change nothing that a quota counts. */
function countsOtherwise(resourceId: string, before: KubeObject, now: KubeObject): boolean {
  const texts = (object: KubeObject): string =>
    [...usageOf(resourceId, object)].map(([name, amount]) => `${name}=${amount.toString()}`).join();
  return texts(before) !== texts(now);
}

/** Pure. */
export function planQuota({ quota, objects }: QuotaObservation): Plan {
  const hard = quota.spec.hard ?? {};
  const sums = new Map(Object.keys(hard).map((name) => [name, Quantity.zero]));
  for (const [resourceId, list] of objects)
    for (const object of list) {
      if (!quotaCovers(quota, resourceId, object)) continue;
      for (const [name, amount] of usageOf(resourceId, object)) {
        const sum = sums.get(name);
        if (sum) sums.set(name, sum.add(amount));
      }
    }
  const used = Object.fromEntries([...sums].map(([name, sum]) => [name, sum.toString()]));
  const status = { hard: { ...hard }, used };
  return deepEqual(quota.status, status) ? nothing : { actions: [updateStatus(resourceQuotas, { ...quota, status })] };
}
