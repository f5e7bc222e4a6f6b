/**
 * `npm run attack`: hostile clients, pods and nodes against a server that it starts, and fuzzers over all that is read.
 * Prints a row for each attack; exits with 1 when a promise was broken. What the rows mean is in README.md.
 */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { tableHead, tableRow, type Row } from "./report.ts";

const usage = `npm run attack -- [flags]

  --only PART      clients, pods, nodes, decoders or kinds; several times for several (all)
  --seed TEXT      of the fuzzers, to repeat a run (chosen and printed)
  --budget SECONDS of each of the fuzzers (45)
`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    budget: { type: "string", default: "45" },
    help: { type: "boolean", default: false },
  },
});

const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  decoders: () => fuzz("decoders", { seed: values.seed, budgetSeconds: Number(values.budget) }),
  kinds: () => fuzz("kinds", { seed: values.seed, budgetSeconds: Number(values.budget) }),
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function attack(chosen: readonly string[]): Promise<boolean> {
  const unknown = chosen.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) throw new Error(`expected ${Object.keys(parts).join(", ")} as part, found "${unknown}"`);
  say(`seed ${values.seed}\n\n${tableHead}`);
  let held = true;
  for (const [name, run] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    for (const row of await run()) {
      held &&= !row.broken;
      say(tableRow(row));
    }
  }
  return held;
}

if (values.help) say(usage);
else process.exitCode = (await attack(values.only)) ? 0 : 1;
