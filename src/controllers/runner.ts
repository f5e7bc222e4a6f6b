/** Runs a controller: informers, queue, workers, retries, and the wait for its own writes. See controller.ts. */
import { assert, messageOf } from "#base/assert.ts";
import { deadline, type Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client } from "#client/client.ts";
import type { Informer, InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import { keyText, parseKey, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { StatusError } from "#machinery/status.ts";
import { act, type Written } from "./act.ts";
import type { Caches, Controller } from "./controller.ts";

export interface RunnerParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly log: Log;
}

const workersDefault = 4;
const retryFirstMs = 5;
const retryMaxMs = 60_000;
// A cache that lags further than this has lost its watch; the key is then looked at with what is there.
const ownWriteMsMax = 10_000;
// These say that the world moved on: the key is looked at anew, and nobody needs to hear of it.
const quietReasons = new Set(["Conflict", "AlreadyExists", "NotFound", "Expired"]);

/** The component that runs a controller until its signal is aborted. */
export function runController<O>(controller: Controller<O>, parts: RunnerParts): Component {
  return { name: controller.name, run: (signal) => new Runner(controller, parts).run(signal) };
}

class Runner<O> {
  private readonly controller: Controller<O>;
  private readonly parts: RunnerParts;
  private readonly log: Log;
  private readonly queue: WorkQueue;
  private readonly informers = new Map<string, Informer<KubeObject>>();
  // Failures in a row, by key.
  private readonly failures = new Map<string, number>();

  constructor(controller: Controller<O>, parts: RunnerParts) {
    this.controller = controller;
    this.parts = parts;
    this.log = parts.log.for(controller.name);
    this.queue = new WorkQueue(parts.clock);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const { resource, indexes, fieldSelector } of this.controller.watches) {
      const selection = fieldSelector === undefined ? undefined : { fieldSelector };
      const informer = this.parts.informers.informer(resource, selection);
      for (const [name, of] of Object.entries(indexes ?? {})) informer.addIndex(name, of);
      this.informers.set(resource.id, informer);
    }
    try {
      await Promise.all([...this.informers.values()].map((informer) => informer.whenSynced(signal)));
      for (const { resource, keysOf } of this.controller.watches) {
        this.informers.get(resource.id)?.onChange((change) => {
          for (const key of keysOf(change, this.caches())) this.queue.add(keyText(key));
        }, signal);
      }
      const count = this.controller.workers ?? workersDefault;
      await Promise.all(Array.from({ length: count }, () => this.work(signal)));
    } finally {
      this.queue.close();
    }
  }

  private async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const text = await this.queue.next(signal);
      try {
        await this.look(parseKey(text), signal);
        this.failures.delete(text);
      } catch (error) {
        if (signal.aborted) return;
        this.retry(text, error);
      } finally {
        this.queue.done(text);
      }
    }
  }

  private async look(key: ObjectKey, signal: AbortSignal): Promise<void> {
    const observation = this.controller.observe(key, this.caches());
    if (observation === undefined) return;
    const plan = this.controller.plan(observation);
    const written: Written[] = [];
    try {
      await act(plan.actions, { client: this.parts.client, recorder: this.parts.recorder, written });
    } finally {
      await this.settle(written, signal);
    }
    if (plan.againAfterMs !== undefined) this.queue.addAfter(keyText(key), plan.againAfterMs);
  }

  /** Waits until the caches hold what was just written, so that the next look at the key sees it. */
  private async settle(written: readonly Written[], signal: AbortSignal): Promise<void> {
    if (written.length === 0) return;
    using limit = deadline(this.parts.clock, ownWriteMsMax, signal);
    const waits = written.flatMap(({ resourceId, resourceVersion }) => {
      const informer = this.informers.get(resourceId);
      return informer ? [informer.whenSeen(resourceVersion, limit.signal)] : [];
    });
    const outcomes = await Promise.allSettled(waits);
    if (!signal.aborted && outcomes.some(({ status }) => status === "rejected"))
      this.log.warn("the cache lags behind own writes", { waitedMs: ownWriteMsMax });
  }

  private retry(text: string, error: unknown): void {
    const failures = (this.failures.get(text) ?? 0) + 1;
    this.failures.set(text, failures);
    const delayMs = Math.min(retryFirstMs * 2 ** (failures - 1), retryMaxMs);
    if (!(error instanceof StatusError && quietReasons.has(error.reason)))
      this.log.warn("trying again", { key: text, inMs: delayMs, error: messageOf(error) });
    this.queue.addAfter(text, delayMs);
  }

  private informerOf<T extends KubeObject>(resource: ResourceDefinition<T>): Informer<T> {
    const informer = this.informers.get(resource.id);
    assert(informer !== undefined, `${this.controller.name} reads ${resource.id} without watching it`);
    // Holds because informers are kept by the id of their resource.
    return informer as unknown as Informer<T>;
  }

  private caches(): Caches {
    return {
      nowMs: this.parts.clock.nowMs(),
      get: (resource, key) => this.informerOf(resource).get(key),
      list: (resource, namespace) => this.informerOf(resource).list(namespace),
      byIndex: (resource, index) => this.informerOf(resource).byIndex(index.name, index.value),
    };
  }
}
