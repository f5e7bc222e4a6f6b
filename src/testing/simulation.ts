/**
 * A whole cluster from one seed: the real API server, controllers, scheduler and kubelets on virtual time, with what can
 * go wrong between them, while users use it and invariants are checked at every write. The same seed repeats a run.
 */
import { defaultConfig } from "#distro/server-core.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { Plan } from "./simulation/plan.ts";
import { Chaos } from "./simulation/chaos.ts";
import type { History } from "./simulation/history.ts";
import { Observer } from "./simulation/observer.ts";
import { recover } from "./simulation/recovery.ts";
import { Users } from "./simulation/users.ts";
import { World, type Given, type Violation } from "./simulation/world.ts";
import { newKey } from "#wire/x509.ts";

export { seeds } from "./simulation/seeds.ts";
export { plans, type Plan } from "./simulation/plan.ts";

/** A run in numbers. */
export interface Figures {
  readonly virtualMs: number;
  readonly writes: number;
  /** What users did. */
  readonly deeds: number;
  /** How often each fault happened. */
  readonly faults: ReadonlyMap<string, number>;
  readonly held: boolean;
}

export interface Outcome {
  readonly seed: string;
  readonly plan: string;
  readonly figures: Figures;
  /** Of every write and everything else that happened: the same for the same seed. */
  readonly digest: string;
  readonly violation: Violation | undefined;
  /** What was logged, done and broken last. */
  readonly lines: readonly string[];
  /** What was written. */
  readonly history: History;
}

const secondMs = 1_000;
const observersMax = 6;

let given: Given | undefined;

export async function simulate(seed: string, plan: Plan): Promise<Outcome> {
  given ??= { config: await defaultConfig(), serviceKey: newKey() };
  const random = new SeededRandom(`${plan.name} ${seed}`);
  const world = new World({ random, faults: plan.faults, given });
  const startMs = world.clock.monotonicMs();
  await world.history.follow(world.disk.store);
  world.startServer();
  await world.clock.advance(5_000);
  for (let at = 0; at < plan.nodes; at += 1) world.addNode();
  for (let at = 0; at < 2; at += 1) world.addTeam();
  const users = new Users(world, random.fork("users"));
  const chaos = new Chaos(world, random.fork("chaos"));
  observe(world, random.fork("observers"));
  for (let atMs = 0; atMs < plan.chaosMs && !world.violation; atMs += secondMs) {
    if (random.happens(plan.userRate)) users.act();
    await chaos.second();
    await world.clock.advance(secondMs);
  }
  if (!world.violation) await recover(world);
  const { history, lines, violation } = world;
  const figures = {
    virtualMs: world.clock.monotonicMs() - startMs,
    writes: world.disk.written,
    deeds: users.done,
    faults: world.counts,
    held: violation === undefined,
  };
  return { seed, plan: plan.name, figures, digest: history.digest(), violation, lines, history };
}

/** Watches of every kind, some of whose readers are slow. */
function observe(world: World, random: SeededRandom): void {
  const { clock, history } = world;
  for (let at = 0; at < observersMax; at += 1) {
    const name = `observer-${at}`;
    const violated = (...what: readonly [string, string, string]): void => world.violated(...what);
    const observer = new Observer({
      name,
      client: world.admin(name),
      clock,
      random: random.fork(name),
      history,
      violated,
    });
    void observer.run();
  }
}
