/**
 * `npm run bench -- scheduler [SHAPE]`: what one pod costs the scheduler, in CPU, by the nodes and the pods that are
 * there. In this process and without an API: a pod comes, is placed, and is seen on its node and running.
 */
import { atOnce } from "#base/turns.ts";
import { factsOf } from "#scheduler/pod-facts.ts";
import { preempt } from "#scheduler/preempt.ts";
import { schedule } from "#scheduler/schedule.ts";
import { clusterOf } from "#testing/scheduling.ts";
import { percentile } from "./figures.ts";
import { rounded, type Row } from "./report.ts";
import { schedulerShapes, shapeNode, shapePod, type SchedulerShape } from "./scheduler-shapes.ts";

interface Size {
  readonly nodes: number;
  readonly placed: number;
}

interface Measured {
  readonly cpuMicros: number;
  readonly p99Millis: number;
}

const sizes: readonly Size[] = [
  { nodes: 50, placed: 0 },
  { nodes: 500, placed: 0 },
  { nodes: 5_000, placed: 0 },
  { nodes: 5_000, placed: 1_500 },
  { nodes: 5_000, placed: 15_000 },
  { nodes: 5_000, placed: 150_000 },
];

// A thousand pods a second.
const goalMicros = 1_000;
const podsMeasured = 1_000;
const podsPreempting = 100;
// The first of them pay for what is kept from then on, and for the machine code.
const warmup = 100;
const cpuMicrosMax = 2_000_000;

/** Heads of the columns. */
export const schedulerSides = sizes.map(({ nodes, placed }) => `${rounded(nodes)} nodes, ${rounded(placed)} pods`);

/** @param only Shapes whose names begin like this. */
export function measureScheduler(only: string, say: (line: string) => void): Row[] {
  return schedulerShapes
    .filter(({ name }) => name.startsWith(only))
    .map((shape) => {
      const { perNode } = shape;
      const fitting = perNode === undefined ? sizes : sizes.filter(({ placed }) => placed === 0);
      const measured = fitting.map((size) =>
        measure(shape, perNode === undefined ? size : { ...size, placed: size.nodes * perNode }),
      );
      const cells = sizes.map((_, at) => {
        const one = measured[at];
        return one ? `${rounded(one.cpuMicros)} µs (p99 ${rounded(one.p99Millis)} ms)` : "";
      });
      say(`${shape.name}: ${cells.join(", ")}`);
      const met = measured.every(({ cpuMicros }) => cpuMicros <= goalMicros);
      const goal = { goal: `${rounded(goalMicros)} µs`, met };
      return { what: shape.name, cells, ...(shape.unplaceable ? {} : goal) };
    });
}

const random = { fraction: Math.random };

function measure({ related = {}, ...shape }: SchedulerShape, { nodes, placed }: Size): Measured {
  const cluster = clusterOf(
    Array.from({ length: nodes }, (_, at) => shapeNode(at)),
    {},
    related,
  );
  const before = shape.placed ?? shape.pods;
  for (let at = 0; at < placed; at += 1)
    cluster.snapshot.setPod(factsOf(shapePod(`placed-${at}`, before(at), `node-${at % nodes}`)));
  const cost: number[] = [];
  let sum = 0;
  let start = 0;
  for (
    let at = 0;
    at < warmup + (shape.perNode === undefined ? podsMeasured : podsPreempting) && sum < cpuMicrosMax;
    at += 1
  ) {
    const waiting = shapePod(`pod-${at}`, shape.pods(at));
    const startCpu = process.cpuUsage();
    const facts = factsOf(waiting);
    const outcome = schedule(facts, cluster, { start, random });
    if (outcome.kind === "placed") {
      start = outcome.nextStart;
      cluster.snapshot.assume(facts, outcome.node.name);
      const bound = { ...waiting, spec: { ...waiting.spec, nodeName: outcome.node.name } };
      cluster.snapshot.setPod(factsOf(bound));
      cluster.snapshot.setPod(factsOf({ ...bound, status: { phase: "Running" } }));
    } else {
      const { diagnosis } = outcome;
      const preemption = atOnce(preempt(facts, { cluster, diagnosis, random }));
      if (preemption.kind === "victims") {
        for (const { uid } of preemption.victims) cluster.snapshot.removePod(uid);
        cluster.snapshot.assume(facts, preemption.node.name);
      }
    }
    const { user, system } = process.cpuUsage(startCpu);
    if ((outcome.kind === "placed") === (shape.unplaceable === true))
      throw new Error(`expected pod ${at} of "${shape.name}" to be ${shape.unplaceable ? "turned down" : "placed"}`);
    if (at < warmup) continue;
    cost.push(user + system);
    sum += user + system;
  }
  return { cpuMicros: sum / cost.length, p99Millis: percentile(cost, 0.99) / 1_000 };
}
