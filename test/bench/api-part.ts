/** The shapes of load on one side, or on two in turns, as rows of the table. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "./h2-client.ts";
import { medianFigure, type Figure } from "./figures.ts";
import { frugality, shapeGoals, upstreamMemoryBytes, type ShapeGoal } from "./goals.ts";
import { held, idleSum, watchIdle } from "./idle.ts";
import { startLoadProcess, type LoadProcess } from "./load-process.ts";
import { figuresOf } from "./machine.ts";
import { megabytes, rounded, type Row } from "./report.ts";
import { discard, prepare, type Setting } from "./setting.ts";
import { shapes } from "./shapes.ts";

export interface Side {
  readonly name: string;
  readonly admin: Target;
  /** Of the API server and its store; none when they are elsewhere. */
  readonly pids: () => readonly number[];
}

export interface ApiPlan {
  readonly sides: readonly Side[];
  readonly rounds: number;
  readonly objects: number;
  /** Beginnings of names; none for all. */
  readonly shapes: readonly string[];
  readonly idleSeconds: number;
  /** Is told what is going on. */
  readonly say: (line: string) => void;
}

const lastShape = "delete c=32";
// Between one side's turn and the next, so that what one left to do is not done in the other's time.
const restMs = 1_000;

interface MeasuredFigure extends Figure {
  /** CPU of the server's processes for one request or event; 0 when they are elsewhere. */
  readonly cpuEachMs: number;
}

/** What was measured of one side. */
interface Measured {
  readonly side: Side;
  readonly figures: Map<string, MeasuredFigure[]>;
  readonly failures: string[];
  rssFullBytes?: number;
  rssAfterBytes?: number;
  cpuShare?: number;
}

export async function measureApi(plan: ApiPlan): Promise<{ readonly rows: Row[]; readonly remarks: string[] }> {
  const measured = plan.sides.map((side): Measured => ({ side, figures: new Map(), failures: [] }));
  const wanted = Object.keys(shapes).filter(
    (name) => plan.shapes.length === 0 || plan.shapes.some((start) => name.startsWith(start)),
  );
  for (let round = 0; round < plan.rounds; round += 1) {
    // The process is new for each round: neither side is measured by a warmer one.
    using load = startLoadProcess();
    const settings = await Promise.all(plan.sides.map(({ admin }) => prepare(admin)));
    for (const shape of wanted) {
      if (shape === lastShape) await measureFull(plan, measured);
      for (const at of turns(plan.sides.length, round)) {
        const one = measured[at];
        const setting = settings[at];
        if (one && setting) await measureShape(plan, load, { shape, one, setting });
      }
    }
    for (const one of measured)
      if (one.side.pids().length > 0) one.rssAfterBytes = held(figuresOf(one.side.pids())).rssBytes;
    await Promise.all(plan.sides.map(({ admin }, at) => discard(admin, settings[at]?.namespace ?? "")));
  }
  return {
    rows: [...wanted.map((shape) => shapeRow(shape, measured)), ...memoryRows(plan, measured)],
    remarks: measured.flatMap(({ side, failures }) => failures.map((failure) => `${side.name}: ${failure}`)),
  };
}

/** The sides take turns in being first. */
function turns(count: number, round: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => (at + round) % count);
}

interface ShapeRun {
  readonly shape: string;
  readonly one: Measured;
  readonly setting: Setting;
}

async function measureShape(plan: ApiPlan, load: LoadProcess, { shape, one, setting }: ShapeRun): Promise<void> {
  const cpuBeforeMs = cpuMs(one.side);
  const answer = await load.run({ shape, scene: { ...setting, objects: plan.objects } });
  const spentMs = cpuMs(one.side) - cpuBeforeMs;
  if (answer.kind === "failed") one.failures.push(`${shape}: ${answer.why}`);
  else {
    const figure = { ...answer.figure, cpuEachMs: spentMs / answer.figure.total };
    one.figures.set(shape, [...(one.figures.get(shape) ?? []), figure]);
    if (figure.firstError !== undefined)
      one.failures.push(`${shape}: ${figure.errors} errors, the first: ${figure.firstError}`);
  }
  const figure = one.figures.get(shape)?.at(-1);
  plan.say(`${one.side.name}: ${shape}: ${figure ? figureText(figure) : "failed"}`);
  await sleep(restMs);
}

function cpuMs(side: Side): number {
  return figuresOf(side.pids()).reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/** All objects are there, and nothing happens. */
async function measureFull(plan: ApiPlan, measured: readonly Measured[]): Promise<void> {
  const pids = measured.map(({ side }) => side.pids());
  if (pids.every((some) => some.length === 0)) return;
  plan.say(`idle with ${plan.objects} objects for ${plan.idleSeconds} s`);
  const idle = await watchIdle(pids.flat(), plan.idleSeconds);
  for (const [at, one] of measured.entries()) {
    const own = pids[at] ?? [];
    if (own.length === 0) continue;
    one.rssFullBytes = held(figuresOf(own)).rssBytes;
    one.cpuShare = idleSum(own.flatMap((pid) => idle.get(pid) ?? [])).cpuShare;
  }
}

function figureText({ value, unit, p50Ms, p99Ms, cpuEachMs, errors }: MeasuredFigure): string {
  const cpu = cpuEachMs > 0 ? `, CPU ${rounded(cpuEachMs * 1_000)} µs` : "";
  const spread = `p50 ${rounded(p50Ms)}, p99 ${rounded(p99Ms)} ms${cpu}`;
  const main = unit === "ms" ? `${rounded(value)} ms` : `${rounded(value)}/s`;
  return `${main} (${spread})${errors > 0 ? ` ${errors} errors` : ""}`;
}

function shapeRow(shape: string, measured: readonly Measured[]): Row {
  const figures = measured.map((one) => medianFigure(one.figures.get(shape) ?? []));
  const cells = figures.map((figure) => (figure ? figureText(figure) : "failed"));
  const goal = shapeGoals[shape];
  const [own, other] = figures;
  if (measured.length === 1) {
    if (!own || !goal) return { what: shape, cells };
    return { what: shape, cells, goal: goalText(own, goal), met: ahead(own, goal.upstream) >= goal.factor };
  }
  const ratio = own && other ? ahead(own, other.value) : 0;
  return {
    what: shape,
    cells: [...cells, times(ratio)],
    ...(goal && { goal: `${goal.factor}x`, met: ratio >= goal.factor }),
  };
}

/** How many times better than `reference`. */
function ahead({ value, unit }: Figure, reference: number): number {
  return unit === "ms" ? reference / value : value / reference;
}

function goalText({ unit }: Figure, { upstream, factor }: ShapeGoal): string {
  return unit === "ms" ? `${rounded(upstream / factor)} ms` : `${rounded(upstream * factor)}/s`;
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
}

function memoryRows(plan: ApiPlan, measured: readonly Measured[]): Row[] {
  if (measured.every(({ rssFullBytes }) => rssFullBytes === undefined)) return [];
  const row = (what: string, of: (one: Measured) => number | undefined, text: (value: number) => string): Row => {
    const values = measured.map(of);
    const cells = values.map((value) => (value === undefined ? "unknown" : text(value)));
    const [own, other] = values;
    if (own === undefined || other === undefined)
      return { what, cells: measured.length === 1 ? cells : [...cells, ""] };
    const met = own * frugality <= other;
    return { what, cells: [...cells, own === 0 ? "" : times(other / own)], goal: `${frugality}x less`, met };
  };
  const after = row("resident memory after this run", (one) => one.rssAfterBytes, megabytes);
  const [{ rssAfterBytes = 0 } = {}] = measured;
  const limit = upstreamMemoryBytes / frugality;
  return [
    row(
      `idle CPU with ${rounded(plan.objects)} objects`,
      (one) => one.cpuShare,
      (share) => `${(share * 100).toFixed(2)} %`,
    ),
    row(`resident memory with ${rounded(plan.objects)} objects`, (one) => one.rssFullBytes, megabytes),
    measured.length === 1 ? { ...after, goal: megabytes(limit), met: rssAfterBytes <= limit } : after,
  ];
}
