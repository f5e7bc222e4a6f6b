/**
 * `npm run attack`: hostile clients, pods and nodes against a server that it starts, and fuzzers over all that is read.
 * Prints a row for each attack; exits with 1 when a promise was broken. What the rows mean is in README.md.
 */
import { parseArgs } from "node:util";
import { clientAttacks } from "./clients.ts";
import { fuzz } from "./fuzz.ts";
import { kubeletAttacks } from "./kubelets.ts";
import { nodeAttacks } from "./nodes.ts";
import { podAttacks } from "./pods.ts";
import { tableHead, tableRow, type IsWanted, type Later, type Row } from "./report.ts";
import { startAttacked, type AttackedServer } from "./server.ts";
import { tenantAttacks } from "./tenants.ts";

const usage = `npm run attack -- [flags]

  --only PART      decoders, kinds, nodes, kubelets, pods, tenants or clients; several times for several (all)
  --row TEXT       only rows with this in their name, of the parts that need a server; several times for several (all)
  --seed TEXT      of the fuzzers, to repeat a run (chosen and printed)
  --budget SECONDS of each of the fuzzers (45)
  --profile FOLDER where the server leaves a profile of its processor time, and the stalls of its loop
`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    row: { type: "string", multiple: true, default: [] },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    profile: { type: "string" },
    budget: { type: "string", default: "45" },
    help: { type: "boolean", default: false },
  },
});

type Part = "clients" | "tenants" | "pods" | "kubelets" | "nodes" | "decoders" | "kinds";

type Play = (server: AttackedServer, isWanted: IsWanted, later: Later) => AsyncIterable<Row>;

/** Those that need a server share one. */
const servers: readonly (readonly [Part, Play])[] = [
  ["nodes", nodeAttacks],
  ["kubelets", kubeletAttacks],
  ["pods", podAttacks],
  ["tenants", tenantAttacks],
  ["clients", clientAttacks],
];
const alone = ["decoders", "kinds"] as const;
const parts: readonly Part[] = [...alone, ...servers.map(([part]) => part)];

async function* rowsOf(chosen: ReadonlySet<Part>): AsyncGenerator<Row> {
  for (const part of alone)
    if (chosen.has(part)) yield* await fuzz(part, { seed: values.seed, budgetSeconds: Number(values.budget) });
  if (!servers.some(([part]) => chosen.has(part))) return;
  await using server = await startAttacked(values.profile);
  const isWanted = (name: string): boolean => values.row.length === 0 || values.row.some((text) => name.includes(text));
  const later: Promise<Row>[] = [];
  try {
    for (const [part, run] of servers)
      if (chosen.has(part)) yield* run(server, isWanted, (row) => void later.push(row));
    for (const row of later) yield await row;
  } finally {
    // What they made is removed before the server goes.
    await Promise.all(later);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function attack(asked: readonly string[]): Promise<boolean> {
  const unknown = asked.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`expected ${parts.join(", ")} as part, found "${unknown}"`);
  say(`seed ${values.seed}\n\n${tableHead}`);
  let held = true;
  for await (const row of rowsOf(new Set(parts.filter((part) => asked.length === 0 || asked.includes(part))))) {
    held &&= !row.broken;
    say(tableRow(row));
  }
  return held;
}

if (values.help) say(usage);
else process.exitCode = (await attack(values.only)) ? 0 : 1;
