/**
 * `npm run simulate`: whole clusters in virtual time, one for each seed, with everything going wrong that can. Prints a
 * row for each plan; exits with 1 at the first invariant that does not hold. What the plans are is in README.md.
 */
import { parseArgs } from "node:util";
import { plans, seeds, simulate, type Outcome, type Plan } from "#testing/simulation.ts";
import { failureText, tableOf, type Totals } from "./report.ts";

const usage = `npm run simulate -- [flags]

  --plan NAME      ${plans.map(({ name }) => name).join(", ")}; several times for several (all of them, in turns)
  --seed TEXT      only this one, to repeat a run; otherwise seeds that found a fault once, then new ones
  --minutes M      how long to go on with new seeds (5)
`;

const { values } = parseArgs({
  options: {
    plan: { type: "string", multiple: true, default: [] },
    seed: { type: "string" },
    minutes: { type: "string", default: "5" },
    help: { type: "boolean", default: false },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function chosenPlans(names: readonly string[]): readonly Plan[] {
  const unknown = names.find((name) => !plans.some((plan) => plan.name === name));
  if (unknown !== undefined)
    throw new Error(`expected ${plans.map(({ name }) => name).join(", ")} as plan, found "${unknown}"`);
  return plans.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** What is to be run, one after the other; without an end when no seed was asked for. */
function* runs(chosen: readonly Plan[]): Generator<readonly [plan: Plan, seed: string]> {
  if (values.seed !== undefined) {
    for (const plan of chosen) yield [plan, values.seed];
    return;
  }
  for (const { plan, seed } of seeds) {
    const known = chosen.find(({ name }) => name === plan);
    if (known) yield [known, seed];
  }
  const first = Math.floor(Math.random() * 1e9);
  for (let at = 0; ; at += 1) for (const plan of chosen) yield [plan, String(first + at)];
}

/** @returns The run that failed. */
async function run(): Promise<Outcome | undefined> {
  const endMs = performance.now() + Number(values.minutes) * 60_000;
  const totals = new Map<string, Totals>();
  let failed: Outcome | undefined;
  for (const [plan, seed] of runs(chosenPlans(values.plan))) {
    const before = process.cpuUsage();
    const outcome = await simulate(seed, plan);
    const { user, system } = process.cpuUsage(before);
    const known = totals.get(plan.name) ?? { outcomes: [], cpuMs: 0 };
    totals.set(plan.name, {
      outcomes: [...known.outcomes, outcome.figures],
      cpuMs: known.cpuMs + (user + system) / 1000,
    });
    if (outcome.violation) failed = outcome;
    if (failed || (values.seed === undefined && performance.now() > endMs)) break;
  }
  for (const line of tableOf(totals)) say(line);
  return failed;
}

if (values.help) say(usage);
else {
  const failed = await run();
  if (failed) {
    say(failureText(failed));
    process.exitCode = 1;
  }
}
