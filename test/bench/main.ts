/**
 * `npm run bench`: measures a kedge that it starts, or any API server, prints one table and keeps it in docs/bench.md.
 * The flags are in arguments.ts.
 */
import { messageOf } from "#base/assert.ts";
import { measureApi, type Side } from "./api-part.ts";
import { planOf, usage, type Plan } from "./arguments.ts";
import { startKedge, type Kedge } from "./kedge.ts";
import { readTarget } from "./kubeconfig.ts";
import { describeMachine } from "./machine.ts";
import { helpRow, idleRows, measureStart, podRows, startRows, type Start } from "./node-part.ts";
import { measureMemory } from "./memory.ts";
import { measureWire } from "./wire.ts";
import { measureScheduler, schedulerSides } from "./scheduler.ts";
import { measureScale } from "./scale.ts";
import { keep, rounded, textTable, type Report, type Row } from "./report.ts";

const fullIdleSecondsMax = 60;
// A cluster that has just started still tidies up; it is idle after this.
const settleSeconds = 20;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measureOwn(plan: Plan): Promise<Report> {
  const starts: Start[] = [];
  for (let at = 1; at < plan.starts; at += 1) {
    await using kedge = await startKedge(plan);
    starts.push(await measureStart(kedge, plan.node));
    say(`cold start ${at}: ${JSON.stringify(starts.at(-1))}`);
  }
  await using kedge = await startKedge(plan);
  starts.push(await measureStart(kedge, plan.node));
  say(`idle for ${plan.idleSeconds} s`);
  await new Promise((resolve) => setTimeout(resolve, settleSeconds * 1_000));
  const rows: Row[] = [await helpRow(), ...startRows(starts), ...(await idleRows(kedge, plan.idleSeconds))];
  if (plan.node) rows.push(...(await podRows(kedge.admin)));
  const api = await measureApi({ ...apiPlan(plan), sides: [sideOf(kedge)], say });
  return report(plan, { title: "One node", sides: ["kedge"], rows: [...rows, ...api.rows], remarks: api.remarks });
}

async function measureOthers(plan: Plan): Promise<Report> {
  const others = plan.others.map(({ name, kubeconfig, url, pids }): Side => ({
    name,
    admin: readTarget(kubeconfig, url),
    pids: () => pids,
  }));
  await using kedge = plan.compare ? await startKedge({ ...plan, node: false }) : undefined;
  const sides = kedge ? [sideOf(kedge), ...others] : others;
  const api = await measureApi({ ...apiPlan(plan), sides, say });
  const names = sides.map(({ name }) => name);
  return report(plan, {
    title: `The API: ${names.join(" and ")}`,
    sides: names.length === 2 ? [...names, "ratio"] : names,
    ...api,
  });
}

async function wireReport(plan: Plan): Promise<Report> {
  const rows = await measureWire(plan.rounds, say);
  return report(plan, { title: "HTTP/2", sides: ["own", "node:http2", "ratio"], rows, remarks: [] });
}

function schedulerReport(plan: Plan): Report {
  const rows = measureScheduler(plan.shapes[0] ?? "", say);
  const remarks = ["CPU for one pod, from its coming until it is seen running on its node, without the API's part."];
  return report(plan, { title: "The scheduler", sides: schedulerSides, rows, remarks });
}

async function memoryReport(plan: Plan): Promise<Report> {
  const rows = await measureMemory(plan, say);
  return report(plan, { title: "Memory", sides: ["kedge"], rows, remarks: [] });
}

async function scaleReport(plan: Plan): Promise<Report> {
  const rows = await measureScale(plan, say);
  const title = `${rounded(plan.nodes)} fake nodes and ${rounded(plan.pods)} pods`;
  return report(plan, { title, sides: ["kedge"], rows, remarks: [] });
}

type Part = NonNullable<Plan["part"]>;

const partReports: Readonly<Record<Part, (plan: Plan) => Report | Promise<Report>>> = {
  scheduler: schedulerReport,
  scale: scaleReport,
  memory: memoryReport,
};

function sideOf(kedge: Kedge): Side {
  return { name: "kedge", admin: kedge.admin, pids: () => [kedge.pid] };
}

function apiPlan(plan: Plan): Pick<Plan, "rounds" | "objects" | "shapes" | "idleSeconds"> {
  return { ...plan, idleSeconds: Math.min(plan.idleSeconds, fullIdleSecondsMax) };
}

function report(plan: Plan, parts: Pick<Report, "title" | "sides" | "rows" | "remarks">): Report {
  return { ...parts, command: command(), machine: describeMachine(plan.folder) };
}

/** Paths, addresses and process ids of this machine mean nothing to a reader. */
function command(): string {
  const words: Readonly<Record<string, string>> = {
    "--against": "URL",
    "--kubeconfig": "FILE",
    "--pids": "PIDS",
    "--folder": "DIR",
  };
  const args = process.argv.slice(2);
  const shown = args.map((arg, at) => words[args[at - 1] ?? ""] ?? (arg.includes(" ") ? JSON.stringify(arg) : arg));
  return ["npm run bench", ...(shown.length > 0 ? ["--"] : []), ...shown].join(" ");
}

async function main(): Promise<number> {
  let plan: Plan | undefined;
  try {
    plan = planOf(process.argv.slice(2));
  } catch (error) {
    say(`bench: ${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  if (!plan) {
    process.stdout.write(usage);
    return 0;
  }
  if (plan.wire) {
    process.stdout.write(textTable(await wireReport(plan)));
    return 0;
  }
  if (plan.part) {
    const measured = await partReports[plan.part](plan);
    process.stdout.write(`${measured.machine}\n\n${textTable(measured)}`);
    if (plan.shapes.length === 0) keep(measured, new Date());
    return 0;
  }
  const made = plan.others.length === 0 ? await measureOwn(plan) : await measureOthers(plan);
  process.stdout.write(`${made.machine}\n\n${textTable(made)}`);
  for (const remark of made.remarks) process.stdout.write(`- ${remark}\n`);
  // A run of some shapes alone is for whoever works on them.
  if (plan.shapes.length === 0) keep(made, new Date());
  return made.remarks.length > 0 ? 1 : 0;
}

process.exit(await main());
