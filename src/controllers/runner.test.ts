/** What the runner promises of every controller, shown with small ones against an API in memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import type { Recorder } from "#client/recorder.ts";
import { createInformers } from "#client/watch-informer.ts";
import { keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import { StatusError, unavailable } from "#machinery/status.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { FaultyClient, served, type Call, type Fate } from "#testing/faulty-client.ts";
import { MemoryCluster } from "#testing/memory-client.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { create, each, ramp, remove } from "./actions.ts";
import { callsMax, planMsMax } from "./budget.ts";
import type { Action, Controller } from "./controller.ts";
import { runController } from "./runner.ts";
import { watching } from "./watches.ts";
import { ownKind } from "./watches.ts";

const map = (name: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name },
});

/** Runs a controller that does `plan` for each config map whose name begins with "do-". */
class World implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly cluster: MemoryCluster;
  readonly client: Client;
  readonly lines: string[] = [];
  readonly calls: Call[] = [];
  fate: (call: Call) => Fate = () => served;
  looks = 0;
  private readonly end = new AbortController();
  private running: Promise<void> | undefined;

  constructor(clock = new VirtualClock()) {
    this.clock = clock;
    this.cluster = new MemoryCluster(clock);
    this.client = this.cluster.client("test");
  }

  run(plan: (object: KubeObject) => readonly Action[], more: Partial<Controller<KubeObject>> = {}): void {
    const { clock, end } = this;
    const log = createLog({ clock, write: (line) => this.lines.push(line), level: "info" });
    const recorder: Recorder = { record: () => undefined };
    const client = new FaultyClient(this.client, clock, (call) => {
      if (call.verb !== "watch") this.calls.push(call);
      return call.verb === "watch" ? served : this.fate(call);
    });
    const informers = createInformers(this.client, { clock, log }, end.signal);
    const controller: Controller<KubeObject> = {
      name: "small",
      watches: [ownKind(configMaps)],
      observe: (key, caches) => {
        this.looks += 1;
        return key.name.startsWith("do-") ? caches.get(configMaps, key) : undefined;
      },
      plan: (object) => ({ actions: plan(object) }),
      ...more,
    };
    this.running = runController(controller, { client, informers, recorder, clock, log }).run(end.signal);
  }

  said(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end.abort(new Error("the test is over"));
    await this.running?.catch(() => undefined);
  }
}

const deletions = (names: readonly string[]): Action[] => names.map((name) => remove(configMaps, map(name)));

test("of 50 independent deletions one refused does not hold the other 49", async () => {
  await using world = new World();
  const names = Array.from({ length: 50 }, (_, at) => `pod-${at}`);
  for (const name of names) await world.client.create(configMaps, map(name));
  await world.client.create(configMaps, map("do-it"));
  world.fate = ({ verb, key }) =>
    verb === "delete" && key.name === "pod-0" ? { kind: "refused", error: unavailable("not now") } : served;
  world.run(() => [each(deletions(names))]);
  await world.clock.advance(1);
  const { items } = await world.client.list(configMaps, {});
  assert.deepEqual(
    items.map((item) => item.metadata.name).filter((name) => name?.startsWith("pod-")),
    ["pod-0"],
  );
});

test("what is refused is refused once in a ramp, and its hook is done once", async () => {
  await using world = new World();
  await world.client.create(configMaps, map("do-it"));
  world.fate = ({ verb, key }) =>
    verb === "create" && key.name !== "told" ? { kind: "refused", error: unavailable("full") } : served;
  const made = Array.from({ length: 500 }, (_, at) => create(configMaps, map(`made-${at}`)));
  world.run(() => [ramp(made, () => [create(configMaps, map("told"))])]);
  await world.clock.advance(0);
  assert.deepEqual(
    world.calls.map(({ key }) => key.name),
    ["made-0", "told"],
  );
});

test("a plan of more calls than the budget is cut, told once, and goes on", async () => {
  await using world = new World();
  await world.client.create(configMaps, map("do-it"));
  const names = Array.from({ length: callsMax * 2 + 10 }, (_, at) => `made-${at}`);
  const made = new Set<string>();
  world.run(() => {
    return names.filter((name) => !made.has(name)).map((name) => create(configMaps, map(name)));
  });
  world.fate = ({ key }) => {
    made.add(key.name);
    return served;
  };
  await world.clock.advance(1_000);
  assert.equal(made.size, names.length);
  assert.equal(world.said("over its budget"), 1);
});

test("a call that never comes back costs its key the time of one plan, and no other key anything", async () => {
  await using world = new World();
  await world.client.create(configMaps, map("do-hang"));
  await world.client.create(configMaps, map("do-other"));
  let hang = true;
  world.fate = ({ key }) => (hang && key.name === "of-do-hang" ? { kind: "hung" } : served);
  world.run((object) => [create(configMaps, map(`of-${object.metadata.name}`))], { workers: 2 });
  await world.clock.advance(0);
  await world.client.get(configMaps, { namespace: "default", name: "of-do-other" });
  hang = false;
  await world.clock.advance(planMsMax + 1);
  await world.client.get(configMaps, { namespace: "default", name: "of-do-hang" });
});

test("an object that makes a plan fail is backed off alone", async () => {
  await using world = new World();
  await world.client.create(configMaps, map("do-bad"));
  await world.client.create(configMaps, map("do-good"));
  world.run((object) => {
    if (object.metadata.name === "do-bad") throw new Error("cannot be planned");
    return [];
  });
  await world.clock.advance(600_000);
  // Twelve doublings from 5 ms, then once a minute.
  assert.ok(world.looks > 10 && world.looks < 40, String(world.looks));
});

test("a change that keysOf cannot read reaches neither the watch nor other controllers", async () => {
  await using world = new World();
  const keysOf = ({ object }: { readonly object: KubeObject }): [ObjectKey] => {
    if (object.metadata.name === "do-bad") throw new Error("cannot be read");
    return [keyOf(object)];
  };
  world.run((object) => [create(configMaps, map(`of-${object.metadata.name}`))], {
    watches: [watching(configMaps, { keysOf })],
  });
  await world.client.create(configMaps, map("do-bad"));
  await world.clock.advance(0);
  await world.client.create(configMaps, map("do-good"));
  await world.clock.advance(1_000);
  await world.client.get(configMaps, { namespace: "default", name: "of-do-good" });
  assert.equal(world.said("was not understood"), 1);
  assert.equal(world.said("watch failed"), 0);
});

test("what a namespace on its way out refuses is not tried again, and nobody hears of it", async () => {
  await using world = new World();
  await world.client.create(configMaps, map("do-it"));
  const causes = [{ reason: "NamespaceTerminating", message: "", field: "metadata.namespace" }];
  const ending = new StatusError({
    code: 403,
    reason: "Forbidden",
    message: "is being terminated",
    details: { causes },
  });
  world.fate = () => ({ kind: "refused", error: ending });
  world.run(() => [create(configMaps, map("made"), { refused: () => [create(configMaps, map("told"))] })]);
  await world.clock.advance(600_000);
  assert.equal(world.calls.length, 1);
  assert.deepEqual(world.lines, []);
});

test("what is kept account of is kept, though a namespace on its way out refuses what else was planned", async () => {
  await using world = new World();
  await world.client.create(configMaps, map("do-it"));
  await world.client.create(configMaps, map("counted"));
  const causes = [{ reason: "NamespaceTerminating", message: "", field: "metadata.namespace" }];
  const ending = new StatusError({ code: 403, reason: "Forbidden", message: "", details: { causes } });
  world.fate = ({ verb }) => (verb === "create" ? { kind: "refused", error: ending } : served);
  world.run(() => [ramp([create(configMaps, map("made"))], () => [remove(configMaps, map("counted"))])]);
  await world.clock.advance(1_000);
  await assert.rejects(world.client.get(configMaps, { namespace: "default", name: "counted" }), { reason: "NotFound" });
});

/** A clock on which work takes time. */
class WorkingClock extends VirtualClock {
  workedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.workedMs;
  }
}

test("keys with nothing to do leave the event loop to others, and so do the changes that bring them", async () => {
  const clock = new WorkingClock();
  await using world = new World(clock);
  for (let at = 0; at < 50; at += 1) await world.client.create(configMaps, map(`map-${at}`));
  let [works, inTurn, mostInTurn] = [0, 0, 0];
  const work = (): undefined => {
    clock.workedMs += 6;
    works += 1;
    inTurn += 1;
    mostInTurn = Math.max(mostInTurn, inTurn);
  };
  const nextTurn = (): void => {
    inTurn = 0;
    if (works < 100) setImmediate(nextTurn);
  };
  nextTurn();
  const keysOf = ({ object }: { readonly object: KubeObject }): [ObjectKey] => {
    work();
    return [keyOf(object)];
  };
  world.run(() => [], { observe: work, watches: [watching(configMaps, { keysOf })] });
  await clock.until(() => works === 100);
  assert.ok(mostInTurn <= 3, `expected a few looks and changes in one turn, found ${mostInTurn}`);
});

test("a key whose look takes long is looked at again after several times as long, once for all that changed", async () => {
  const clock = new WorkingClock();
  await using world = new World(clock);
  await world.client.create(configMaps, map("large"));
  world.run(() => [], {
    observe: () => {
      world.looks += 1;
      clock.workedMs += 20;
      return undefined;
    },
  });
  await clock.advance(0);
  for (let at = 0; at < 10; at += 1) {
    const body = { data: { at: String(at) } };
    await world.client.patch(
      { resource: configMaps, key: { namespace: "default", name: "large" } },
      { type: "merge", body },
    );
    await clock.advance(10);
  }
  assert.ok(world.looks <= 3, `expected a look at the beginning and one every 80 ms, found ${world.looks} in 100 ms`);
  await clock.advance(1_000);
  assert.ok(world.looks >= 2, "expected a look at the last change");
});
