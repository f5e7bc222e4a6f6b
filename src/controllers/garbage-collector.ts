/**
 * Deletes what has lost its owners, lets go what waits for its dependents, and orphans what is to stay.
 *
 * Every deletable resource is watched; of each object only a few words are kept (garbage/graph.ts).
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client, Patch } from "#client/client.ts";
import type { KubeObject, OwnerReference } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { blocking, judge, type OwnerState } from "./garbage/decide.ts";
import { foregroundFinalizer, Graph, itemOf, orphanFinalizer, type Item } from "./garbage/graph.ts";
import type { ResourceSource } from "#client/resource-source.ts";

export interface GarbageParts {
  readonly client: Client;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
}

const workers = 4;
const retryMs = 1_000;
const rewatchMs = 1_000;
// Owners known to be gone, so that a thousand dependents ask for them once.
const goneOwnersMax = 500;

export function garbageCollector(parts: GarbageParts): Component {
  return { name: "generic-garbage-collector", run: (signal) => new GarbageCollector(parts).run(signal) };
}

class GarbageCollector {
  private readonly parts: GarbageParts;
  private readonly log: Log;
  private readonly graph = new Graph();
  private readonly queue: WorkQueue;
  private readonly gone = new Set<string>();
  private readonly watched = new Map<string, AbortController>();

  constructor(parts: GarbageParts) {
    this.parts = parts;
    this.log = parts.log.for("generic-garbage-collector");
    this.queue = new WorkQueue(parts.clock);
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      this.parts.resources.onChange((resources) => this.watchAll(resources, signal), signal);
      await Promise.all(Array.from({ length: workers }, () => this.work(signal)));
    } finally {
      this.queue.close();
    }
  }

  private watchAll(resources: readonly ResourceDefinition[], signal: AbortSignal): void {
    const wanted = resources.filter(({ verbs }) => verbs.includes("watch") && verbs.includes("delete"));
    // A kind of two versions or groups is one set of objects: the stored one is enough.
    const stored = wanted.filter(({ storedAs }) => storedAs === undefined);
    for (const [id, controller] of this.watched) {
      if (stored.some((resource) => resource.id === id)) continue;
      controller.abort();
      this.watched.delete(id);
    }
    for (const resource of stored) {
      if (this.watched.has(resource.id)) continue;
      const controller = new AbortController();
      this.watched.set(resource.id, controller);
      void this.watch(resource, AbortSignal.any([signal, controller.signal]));
    }
  }

  private async watch(resource: ResourceDefinition, signal: AbortSignal): Promise<void> {
    let resourceVersion: string | undefined;
    while (!signal.aborted) {
      try {
        const request = resourceVersion === undefined ? {} : { resourceVersion };
        for await (const event of this.parts.client.watch(resource, request, signal)) {
          if (event.type === "bookmark") resourceVersion = event.resourceVersion;
          else {
            resourceVersion = event.object.metadata.resourceVersion;
            this.take(resource, event);
          }
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isReason(error, "Expired")) resourceVersion = undefined;
        else this.log.warn("watching again", { resource: resource.id, error: messageOf(error) });
      }
      // Only the abort makes this sleep reject, and it ends the loop.
      await this.parts.clock.sleep(rewatchMs, signal).catch(() => undefined);
    }
  }

  private take(resource: ResourceDefinition, event: { readonly type: string; readonly object: KubeObject }): void {
    const item = itemOf(resource, event.object);
    if (event.type === "deleted") {
      this.graph.remove(item.uid);
      this.rememberGone(item.uid);
      for (const dependent of this.graph.dependentsOf(item.uid)) this.queue.add(dependent.uid);
      for (const owner of item.owners) if (this.graph.get(owner.uid)?.waitsForDependents) this.queue.add(owner.uid);
      return;
    }
    const before = this.graph.put(item);
    if (item.owners.length > 0 || item.waitsForDependents || item.orphansDependents) this.queue.add(item.uid);
    // Its dependents have a say when it begins to wait for them; owners that wait, when it lets go of them.
    if (item.waitsForDependents && before?.waitsForDependents !== true)
      for (const dependent of this.graph.dependentsOf(item.uid)) this.queue.add(dependent.uid);
    for (const owner of before?.owners ?? [])
      if (this.graph.get(owner.uid)?.waitsForDependents) this.queue.add(owner.uid);
  }

  private async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const uid = await this.queue.next(signal);
      try {
        const item = this.graph.get(uid);
        if (item) await this.look(item, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isReason(error, "Conflict") && !isReason(error, "NotFound"))
          this.log.warn("trying again", { uid, error: messageOf(error) });
        this.queue.addAfter(uid, retryMs);
      } finally {
        this.queue.done(uid);
      }
    }
  }

  private async look(item: Item, signal: AbortSignal): Promise<void> {
    const dependents = this.graph.dependentsOf(item.uid);
    if (item.orphansDependents) return this.orphan(item, dependents);
    if (item.waitsForDependents) return this.letGo(item, dependents);
    const owners: { reference: OwnerReference; state: OwnerState }[] = [];
    for (const reference of item.owners)
      owners.push({ reference, state: await this.ownerState(item, reference, signal) });
    const verdict = judge(item, owners, dependents);
    switch (verdict.kind) {
      case "keep":
        return undefined;
      case "disown":
        return this.disown(item, verdict.uids);
      case "delete":
        await this.unblockCycle(verdict.policy, dependents, item);
        await this.parts.client.delete(item.resource, item.key, { uid: item.uid, propagationPolicy: verdict.policy });
        return undefined;
    }
  }

  /** Of dependents in a circle, each would wait for the other for ever. */
  private async unblockCycle(policy: string, dependents: readonly Item[], item: Item): Promise<void> {
    if (policy !== "Foreground") return;
    for (const dependent of dependents) {
      if (!dependent.waitsForDependents) continue;
      await this.patchOwners(dependent, (owners) =>
        owners.map((owner) => (owner.uid === item.uid ? { ...owner, blockOwnerDeletion: false } : owner)),
      );
    }
  }

  private async ownerState(item: Item, reference: OwnerReference, signal: AbortSignal): Promise<OwnerState> {
    const known = this.graph.get(reference.uid);
    if (known) {
      const sameScope = !known.resource.namespaced || known.key.namespace === item.key.namespace;
      if (sameScope) return known.waitsForDependents ? "waiting" : "there";
    }
    if (this.gone.has(reference.uid)) return "gone";
    const resource = this.parts.resources.byKind(reference.apiVersion, reference.kind);
    // A kind nobody serves may come back; what it owns is kept.
    if (!resource) return "there";
    const namespace = resource.namespaced ? item.key.namespace : "";
    try {
      const live = await this.parts.client.get(resource, { namespace, name: reference.name }, signal);
      if (live.metadata.uid === reference.uid) return "there";
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
    this.rememberGone(reference.uid);
    return "gone";
  }

  private rememberGone(uid: string): void {
    this.gone.add(uid);
    if (this.gone.size <= goneOwnersMax) return;
    const oldest = this.gone.values().next();
    if (!oldest.done) this.gone.delete(oldest.value);
  }

  private async orphan(item: Item, dependents: readonly Item[]): Promise<void> {
    for (const dependent of dependents) await this.disown(dependent, [item.uid]);
    await this.removeFinalizer(item, orphanFinalizer);
  }

  private async letGo(item: Item, dependents: readonly Item[]): Promise<void> {
    const blockers = blocking(item, dependents);
    if (blockers.length === 0) return this.removeFinalizer(item, foregroundFinalizer);
    for (const dependent of blockers) if (!dependent.waitsForDependents) this.queue.add(dependent.uid);
    return undefined;
  }

  private async disown(item: Item, uids: readonly string[]): Promise<void> {
    try {
      await this.patchOwners(item, (owners) => owners.filter((owner) => !uids.includes(owner.uid)));
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }

  private async patchOwners(
    item: Item,
    change: (owners: readonly OwnerReference[]) => readonly OwnerReference[],
  ): Promise<void> {
    const live = await this.parts.client.get(item.resource, item.key);
    if (live.metadata.uid !== item.uid) return;
    const ownerReferences = change(live.metadata.ownerReferences ?? []).map((owner) => ({ ...owner }));
    await this.patchMetadata(item, live, { ownerReferences });
  }

  private async removeFinalizer(item: Item, finalizer: string): Promise<void> {
    const live = await this.parts.client.get(item.resource, item.key);
    if (live.metadata.uid !== item.uid) return;
    const finalizers = (live.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    if (finalizers.length === (live.metadata.finalizers ?? []).length) return;
    await this.patchMetadata(item, live, { finalizers });
  }

  // The resourceVersion makes the patch fail when somebody else changed the lists meanwhile.
  private async patchMetadata(
    item: Item,
    live: KubeObject,
    metadata: Record<string, readonly OwnerReference[] | readonly string[]>,
  ): Promise<void> {
    const { resourceVersion, uid } = live.metadata;
    const body = { metadata: { uid, resourceVersion, ...metadata } };
    // Holds because references and finalizers are plain JSON.
    const patch = { type: "merge", body } as unknown as Patch;
    await this.parts.client.patch({ resource: item.resource, key: item.key }, patch);
  }
}
