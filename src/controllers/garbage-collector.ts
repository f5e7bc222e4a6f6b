/**
 * Deletes what has lost its owners, lets go what waits for its dependents, and orphans what is to stay.
 *
 * Every deletable resource is watched; of each object only a few words are kept (garbage/graph.ts). The graph only says
 * what to look at: before anything is deleted or let go, it is read again, and what is done is done to exactly what was
 * read. So nothing is lost to a graph that is not whole yet, to a restart, or to another server that does the same.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client, Patch } from "#client/client.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { keyOf, type KubeObject, type OwnerReference } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { AbsentOwners } from "./garbage/absent-owners.ts";
import { blocking, judge, type OwnerState } from "./garbage/decide.ts";
import { deletable, GraphWatches } from "./garbage/graph-watches.ts";
import { foregroundFinalizer, Graph, itemOf, orphanFinalizer, type Item } from "./garbage/graph.ts";
import { isQuiet } from "./refusals.ts";
import { everyKindServed, forEachBeside } from "./served-kinds.ts";

export interface GarbageParts {
  readonly client: Client;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
}

const workers = 4;
const retryFirstMs = 100;
const retryMsMax = 300_000;
// While the graph is not whole, from one look at it to the next.
const wholeLookMs = 200;
// A kind nobody serves may come back: what it owns is kept, and looked at again.
const unknownKindMs = 60_000;
// Dependents that are let go at the same time.
const disownBesideMax = 16;

export function garbageCollector(parts: GarbageParts): Component {
  return { name: "generic-garbage-collector", run: (signal) => new GarbageCollector(parts).run(signal) };
}

interface LiveOwner {
  readonly reference: OwnerReference;
  readonly state: OwnerState;
}

class GarbageCollector {
  private readonly parts: GarbageParts;
  private readonly log: Log;
  private readonly graph = new Graph();
  private readonly watches: GraphWatches;
  private readonly queue: WorkQueue;
  private readonly absent = new AbsentOwners();
  // Failures in a row, by uid.
  private readonly failures = new Map<string, number>();

  constructor(parts: GarbageParts) {
    this.parts = parts;
    this.log = parts.log.for("generic-garbage-collector");
    this.queue = new WorkQueue(parts.clock);
    const listener = {
      put: (item: Item, before: Item | undefined) => this.put(item, before),
      removed: (item: Item) => this.removed(item),
      unserved: (item: Item) => this.queueDependents(item),
    };
    this.watches = new GraphWatches(this.graph, listener, { ...parts, log: this.log });
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      this.watches.follow(signal);
      await Promise.all(Array.from({ length: workers }, () => this.work(signal)));
    } finally {
      this.queue.close();
    }
  }

  private put(item: Item, before: Item | undefined): void {
    if (item.owners.length > 0 || item.waitsForDependents || item.orphansDependents) this.queue.add(item.uid);
    // Its dependents have a say when it begins to wait for them; owners that wait, when it lets go of them.
    if (item.waitsForDependents && before?.waitsForDependents !== true) this.queueDependents(item);
    for (const owner of before?.owners ?? [])
      if (this.graph.get(owner.uid)?.waitsForDependents) this.queue.add(owner.uid);
  }

  private removed(item: Item): void {
    this.absent.addUid(item.uid);
    this.queueDependents(item);
    for (const owner of item.owners) if (this.graph.get(owner.uid)?.waitsForDependents) this.queue.add(owner.uid);
  }

  private queueDependents(item: Item): void {
    for (const dependent of this.graph.dependentsOf(item.uid)) this.queue.add(dependent.uid);
  }

  private async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const uid = await this.queue.next(signal);
      try {
        while (!this.watches.whole) await this.parts.clock.sleep(wholeLookMs, signal);
        const item = this.graph.get(uid);
        if (item) await this.look(item, signal);
        this.failures.delete(uid);
      } catch (error) {
        if (signal.aborted) return;
        this.retry(uid, error);
      } finally {
        this.queue.done(uid);
      }
    }
  }

  private retry(uid: string, error: unknown): void {
    const failures = (this.failures.get(uid) ?? 0) + 1;
    this.failures.set(uid, failures);
    const inMs = Math.min(retryFirstMs * 2 ** (failures - 1), retryMsMax);
    if (!isQuiet(error)) this.log.warn("trying again", { uid, inMs, error: messageOf(error) });
    this.queue.addAfter(uid, inMs);
  }

  private async look(item: Item, signal: AbortSignal): Promise<void> {
    if (item.orphansDependents) return this.orphan(item, signal);
    if (item.waitsForDependents) return this.letGo(item);
    if (item.deleting || item.owners.every((reference) => this.isThere(item, reference))) return;
    const live = await this.read(item, signal);
    if (!live) return;
    // From here on only what was just read counts.
    const now = itemOf(item.resource, live);
    const owners: LiveOwner[] = [];
    for (const reference of now.owners) {
      const state = await this.ownerState(now, reference, signal);
      if (state === "unknown") this.queue.addAfter(item.uid, unknownKindMs);
      owners.push({ reference, state: state === "unknown" ? "there" : state });
    }
    const dependents = this.graph.dependentsOf(item.uid);
    const verdict = judge(now, owners, dependents);
    switch (verdict.kind) {
      case "keep":
        return;
      case "disown":
        await this.patchOwners(now, live, (one) => !verdict.uids.includes(one.uid));
        return;
      case "delete":
        if (verdict.policy === "Foreground") await this.unblockCycle(now, dependents, signal);
        await this.remove(now, live, verdict.policy);
    }
  }

  private async remove(
    item: Item,
    live: KubeObject,
    propagationPolicy: "Background" | "Foreground" | "Orphan",
  ): Promise<void> {
    const { resourceVersion } = live.metadata;
    // Who was given an owner since it was read is not deleted.
    const request = { uid: item.uid, propagationPolicy, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    await this.parts.client.delete(item.resource, item.key, request);
  }

  /** The object as it is now; undefined when it is gone, of which the graph then hears, too. */
  private async read(item: Item, signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      const live = await this.parts.client.get(item.resource, item.key, signal);
      if (live.metadata.uid === item.uid) return live;
    } catch (error) {
      this.requireAbsence(error, item.resource);
    }
    this.graph.remove(item.uid);
    this.removed(item);
    return undefined;
  }

  /** As far as the graph knows, which is enough to leave an object alone. */
  private isThere(item: Item, reference: OwnerReference): boolean {
    const known = this.graph.get(reference.uid);
    return known !== undefined && !known.waitsForDependents && isInScope(known, item);
  }

  private async ownerState(
    item: Item,
    reference: OwnerReference,
    signal: AbortSignal,
  ): Promise<OwnerState | "unknown"> {
    if (this.isThere(item, reference)) return "there";
    const { namespace } = item.key;
    if (this.absent.has(reference, namespace)) return "gone";
    const resource = this.parts.resources.byKind(reference.apiVersion, reference.kind);
    if (!resource) return "unknown";
    const key = { namespace: resource.namespaced ? namespace : "", name: reference.name };
    try {
      const live = await this.parts.client.get(resource, key, signal);
      if (live.metadata.uid === reference.uid) return itemOf(resource, live).waitsForDependents ? "waiting" : "there";
    } catch (error) {
      this.requireAbsence(error, resource);
    }
    this.absent.addReference(reference, namespace);
    return "gone";
  }

  /** A version that is not served any more answers as if nothing were there. */
  private requireAbsence(error: unknown, { apiVersion, plural }: ResourceDefinition): void {
    const isServed = this.parts.resources.all().some((one) => one.apiVersion === apiVersion && one.plural === plural);
    if (!isReason(error, "NotFound") || !isServed) throw error;
  }

  /** Of dependents in a circle, each would wait for the other for ever. */
  private async unblockCycle(item: Item, dependents: readonly Item[], signal: AbortSignal): Promise<void> {
    const waiting = dependents.filter(({ waitsForDependents }) => waitsForDependents);
    await forEachBeside(waiting, disownBesideMax, async (dependent) => {
      const live = await this.read(dependent, signal);
      if (!live) return;
      const owners = (live.metadata.ownerReferences ?? []).map((owner) =>
        owner.uid === item.uid ? { ...owner, blockOwnerDeletion: false } : { ...owner },
      );
      await this.patchMetadata(dependent, live, { ownerReferences: owners });
    });
  }

  /**
   * Lets every dependent go, and only then the owner. The graph is not asked who they are: one of its watches may lag
   * behind the one that told of the owner, and a dependent that is missed is deleted as soon as its owner is gone.
   */
  private async orphan(item: Item, signal: AbortSignal): Promise<void> {
    const { client, resources } = this.parts;
    await everyKindServed(client, resources, signal);
    const inside = item.key.namespace;
    const kinds = deletable(resources.all()).filter(({ namespaced }) => namespaced || inside === "");
    for (const resource of kinds) {
      const { items } = await client.list(resource, inside === "" ? {} : { namespace: inside }, signal);
      const dependents = items.filter((one) => isOwnedBy(one, item.uid));
      await forEachBeside(dependents, disownBesideMax, (dependent) => this.disown(resource, dependent, item.uid));
    }
    await this.removeFinalizer(item, orphanFinalizer, signal);
  }

  private async disown(resource: ResourceDefinition, dependent: KubeObject, owner: string): Promise<void> {
    const item = itemOf(resource, dependent);
    try {
      await this.patchOwners(item, dependent, ({ uid }) => uid !== owner);
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }

  private async letGo(item: Item): Promise<void> {
    const blockers = blocking(item, (uid) => this.graph.dependentsOf(uid));
    if (blockers.length === 0) return this.removeFinalizer(item, foregroundFinalizer);
    for (const dependent of blockers) if (!dependent.waitsForDependents) this.queue.add(dependent.uid);
    return undefined;
  }

  private async removeFinalizer(item: Item, finalizer: string, signal?: AbortSignal): Promise<void> {
    const live = await this.parts.client.get(item.resource, item.key, signal);
    if (live.metadata.uid !== item.uid) return;
    const finalizers = (live.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    if (finalizers.length === (live.metadata.finalizers ?? []).length) return;
    await this.patchMetadata(item, live, { finalizers });
  }

  private async patchOwners(item: Item, live: KubeObject, stays: (owner: OwnerReference) => boolean): Promise<void> {
    const ownerReferences = (live.metadata.ownerReferences ?? []).filter(stays).map((owner) => ({ ...owner }));
    await this.patchMetadata(item, live, { ownerReferences });
  }

  // The resourceVersion makes the patch fail when somebody else changed the lists meanwhile.
  private async patchMetadata(
    { resource }: Item,
    live: KubeObject,
    metadata: Record<string, readonly OwnerReference[] | readonly string[]>,
  ): Promise<void> {
    const { resourceVersion, uid } = live.metadata;
    const body = { metadata: { uid, resourceVersion, ...metadata } };
    // Holds because references and finalizers are plain JSON.
    const patch = { type: "merge", body } as unknown as Patch;
    await this.parts.client.patch({ resource, key: keyOf(live) }, patch);
  }
}

/** An owner is of the cluster, or of the dependent's own namespace. */
function isInScope(owner: Item, dependent: Item): boolean {
  return !owner.resource.namespaced || owner.key.namespace === dependent.key.namespace;
}

function isOwnedBy(object: KubeObject, uid: string): boolean {
  return (object.metadata.ownerReferences ?? []).some((owner) => owner.uid === uid);
}
