/** Runs a controller: informers, queue, workers, retries, and the wait for its own writes. See controller.ts. */
import { assert, messageOf } from "#base/assert.ts";
import { abortReason, deadline, type Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { BoundedStream, WorkQueue } from "#base/queue.ts";
import { turnsOf, type Turns } from "#base/turns.ts";
import type { Client } from "#client/client.ts";
import type { Change, Informer, InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import { keyOf, keyText, parseKey, type Named } from "#machinery/meta.ts";
import type { Readable } from "#machinery/resource.ts";
import { covers, fieldsOf, resourceOf } from "#machinery/view.ts";
import { act, type Acting } from "./act.ts";
import { Budget, OverBudgetError, planMsMax } from "./budget.ts";
import type { Caches, Controller, Plan, Watch } from "./controller.ts";
import { isNamespaceTerminating, isQuiet } from "./refusals.ts";

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
// Thinking that takes longer holds up everybody else in this process.
const slowPlanMs = 1_000;
// A key whose look takes longer than this is not looked at again before several times as long: what changes meanwhile is
// seen in one look, and a workload of ten thousand pods takes a share of this thread, not all of it.
const restFromMs = 2;
const restFactor = 4;
const restMsMax = 1_000;
// Objects that changes cannot be read of, each told once.
const unreadableMax = 100;
// Changes that wait to be understood; one that comes beyond them is understood at once.
const changesMax = 10_000;

interface Heard {
  readonly watch: Watch;
  readonly change: Change<Named>;
}

interface Watched {
  readonly what: Readable<Named>;
  readonly informer: Informer<Named>;
}

/** The component that runs a controller until its signal is aborted. */
export function runController<O>(controller: Controller<O>, parts: RunnerParts): Component {
  return { name: controller.name, run: (signal) => new Runner(controller, parts).run(signal) };
}

class Runner<O> {
  private readonly controller: Controller<O>;
  private readonly parts: RunnerParts;
  private readonly log: Log;
  private readonly queue: WorkQueue;
  private readonly turns: Turns;
  // By the id of the resource.
  private readonly watched = new Map<string, Watched>();
  // Failures in a row, by key.
  private readonly failures = new Map<string, number>();
  // Keys whose last plan was cut or slow, so that it is told once.
  private readonly told = new Set<string>();
  private readonly unreadable = new Set<string>();
  private readonly changes = new BoundedStream<Heard>(changesMax);

  constructor(controller: Controller<O>, parts: RunnerParts) {
    this.controller = controller;
    this.parts = parts;
    this.log = parts.log.for(controller.name);
    this.queue = new WorkQueue(parts.clock);
    this.turns = turnsOf(parts.clock);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const { what, indexes, fieldSelector } of this.controller.watches) {
      const selection = fieldSelector === undefined ? undefined : { fieldSelector };
      const informer = this.parts.informers.informer(what, selection);
      for (const [name, of] of Object.entries(indexes ?? {})) informer.addIndex(name, of);
      this.watched.set(resourceOf(what).id, { what, informer });
    }
    try {
      await Promise.all([...this.watched.values()].map(({ informer }) => informer.whenSynced(signal)));
      for (const watch of this.controller.watches)
        this.watched.get(resourceOf(watch.what).id)?.informer.onChange((change) => this.heard(watch, change), signal);
      const count = this.controller.workers ?? workersDefault;
      await Promise.all([this.follow(signal), ...Array.from({ length: count }, () => this.work(signal))]);
    } finally {
      this.queue.close();
    }
  }

  /** What a change concerns may be found among thousands, and thousands of changes come at once: they wait in line. */
  private heard(watch: Watch, change: Change<Named>): void {
    const next = { watch, change };
    // Which keys are concerned does not depend on the order.
    if (!this.changes.push(next)) this.changed(next);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    for (let some = await this.changes.take(signal); some; some = await this.changes.take(signal))
      for (const next of some) {
        this.changed(next);
        const rest = this.turns.rest();
        if (rest) await rest;
      }
  }

  /** Queues what a change concerns. One object that cannot be read is told, and keeps no other from being seen. */
  private changed({ watch: { what, keysOf }, change }: Heard): void {
    try {
      for (const key of keysOf(change, this.caches())) this.queue.addAfter(keyText(key), this.controller.settleMs ?? 0);
    } catch (error) {
      const object = `${resourceOf(what).id} ${keyText(keyOf(change.object))}`;
      if (this.unreadable.has(object) || this.unreadable.size >= unreadableMax) return;
      this.unreadable.add(object);
      this.log.error("a change was not understood", { object, error: messageOf(error) });
    }
  }

  private async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const text = await this.queue.next(signal);
      const cost = { tookMs: 0 };
      try {
        await this.look(text, cost, signal);
        this.failures.delete(text);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof OverBudgetError) this.goOn(text, error);
        else this.retry(text, error);
      } finally {
        const { tookMs } = cost;
        this.queue.done(text, tookMs > restFromMs ? Math.min(tookMs * restFactor, restMsMax) : 0);
      }
    }
  }

  private async look(text: string, cost: { tookMs: number }, signal: AbortSignal): Promise<void> {
    // A look that finds nothing to do waits for nobody: thousands of keys would follow one another in one stretch.
    const rest = this.turns.rest();
    if (rest) await rest;
    signal.throwIfAborted();
    const plan = this.think(text, cost);
    if (plan === undefined) {
      // Gone, or nobody's concern: nothing is remembered of it.
      this.told.delete(text);
      return;
    }
    const { client, recorder, clock } = this.parts;
    const acting: Acting = { client, recorder, budget: new Budget(clock), written: [] };
    try {
      if (plan.actions.length > 0) await this.withinBudget(act(plan.actions, acting), signal);
    } finally {
      await this.settle(acting, signal);
    }
    this.told.delete(text);
    if (plan.againAfterMs !== undefined) this.queue.addAfter(text, plan.againAfterMs);
  }

  /** @param cost Takes what it took. */
  private think(text: string, cost: { tookMs: number }): Plan | undefined {
    const startMs = this.parts.clock.monotonicMs();
    const observation = this.controller.observe(parseKey(text), this.caches());
    const plan = observation === undefined ? undefined : this.controller.plan(observation);
    const tookMs = this.parts.clock.monotonicMs() - startMs;
    cost.tookMs = tookMs;
    if (tookMs > slowPlanMs) this.tellOnce(text, `planning took ${Math.round(tookMs)} ms`);
    return plan;
  }

  /** Gives up on a call that does not come back; the budget refuses whatever would follow it. */
  private async withinBudget(acting: Promise<void>, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = (): void => reject(new OverBudgetError(`the plan takes more than ${planMsMax} ms`));
    using _timer = this.parts.clock.after(planMsMax, late);
    const onAbort = (): void => reject(abortReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      acting.then(resolve, reject);
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Waits until the caches hold what was just written, so that the next look at the key sees it. */
  private async settle({ written }: Acting, signal: AbortSignal): Promise<void> {
    if (written.length === 0) return;
    using limit = deadline(this.parts.clock, ownWriteMsMax, signal);
    const newest = new Map<string, bigint>();
    for (const { resourceId, resourceVersion } of written) {
      const revision = /^\d+$/.test(resourceVersion) ? BigInt(resourceVersion) : 0n;
      if (revision > (newest.get(resourceId) ?? 0n)) newest.set(resourceId, revision);
    }
    const waits = [...newest].flatMap(([resourceId, revision]) => {
      const watched = this.watched.get(resourceId);
      return watched ? [watched.informer.whenSeen(String(revision), limit.signal)] : [];
    });
    const outcomes = await Promise.allSettled(waits);
    if (!signal.aborted && outcomes.some(({ status }) => status === "rejected"))
      this.log.warn("the cache lags behind own writes", { waitedMs: ownWriteMsMax });
  }

  /** What a cut plan left is planned anew, after the keys that wait already. */
  private goOn(text: string, cut: OverBudgetError): void {
    this.tellOnce(text, cut.message);
    this.failures.delete(text);
    this.queue.add(text);
  }

  private tellOnce(text: string, what: string): void {
    if (this.told.has(text)) return;
    this.told.add(text);
    this.log.warn("a plan is over its budget", { key: text, what });
  }

  private retry(text: string, error: unknown): void {
    if (isNamespaceTerminating(error)) {
      // The object goes with its namespace: whatever is tried again is refused again.
      this.failures.delete(text);
      return;
    }
    const failures = (this.failures.get(text) ?? 0) + 1;
    this.failures.set(text, failures);
    const delayMs = Math.min(retryFirstMs * 2 ** (failures - 1), retryMaxMs);
    if (!isQuiet(error)) this.log.warn("trying again", { key: text, inMs: delayMs, error: messageOf(error) });
    this.queue.addAfter(text, delayMs);
  }

  private informerOf<T extends Named>(what: Readable<T>): Informer<T> {
    const { id } = resourceOf(what);
    const watched = this.watched.get(id);
    const isWatched = watched && (watched.what === what || covers(fieldsOf(watched.what), fieldsOf(what)));
    assert(watched !== undefined && isWatched === true, `${this.controller.name} reads ${id} without watching it`);
    // Holds because informers are kept by the id of their resource, and by what was declared.
    return watched.informer as unknown as Informer<T>;
  }

  private caches(): Caches {
    return {
      nowMs: this.parts.clock.nowMs(),
      monotonicMs: this.parts.clock.monotonicMs(),
      get: (what, key) => this.informerOf(what).get(key),
      list: (what, namespace) => this.informerOf(what).list(namespace),
      byIndex: (what, index) => this.informerOf(what).byIndex(index.name, index.value),
    };
  }
}
