/**
 * Which pods of lower priority must go so that a pod gets a node, when nothing else helps. Pure but for the dice.
 *
 * @see https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
 */
import type { Random } from "#base/random.ts";
import { selectorOf, type Selector } from "#machinery/label-selector.ts";
import type { PodDisruptionBudget } from "#resources/policy/pod-disruption-budget.ts";
import { nominatedAhead, TryOut } from "./feasibility.ts";
import type { NodeInfo } from "./node-info.ts";
import { unresolvable, type Cluster, type Rejection } from "./plugin.ts";
import { isTerminating, type PodFacts } from "./pod-facts.ts";
import { sentenceOf, type Diagnosis } from "./schedule.ts";

export type Preemption =
  | { readonly kind: "victims"; readonly node: NodeInfo; readonly victims: readonly PodFacts[] }
  /** `hopeless` when the pod waits for no room any more, though it was promised some. */
  | { readonly kind: "none"; readonly why: string; readonly hopeless: boolean };

interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodFacts[];
  readonly violations: number;
}

export interface PreemptionInput {
  readonly cluster: Cluster;
  readonly diagnosis: Diagnosis;
  readonly random: Pick<Random, "fraction">;
}

// Of many nodes that may do, so many are tried out: a tenth of all, and no fewer than these.
const triedShare = 0.1;
const triedMin = 100;

/** Yields after each node that was tried out: what it looks at may change meanwhile, and so may what it says be late. */
export function* preempt(
  pod: PodFacts,
  { cluster, diagnosis, random }: PreemptionInput,
): Generator<undefined, Preemption> {
  const refusal = ineligible(pod, cluster, diagnosis);
  if (refusal) return { kind: "none", why: refusal, hopeless: false };
  const nodes = cluster.snapshot.list.filter(
    (node) => (diagnosis.rejections.get(node) ?? diagnosis.others).resolvable && diagnosis.refusal === undefined,
  );
  const { candidates, rejections } = yield* tryOut(pod, nodes, { cluster, diagnosis, random });
  const chosen = bestOf(candidates);
  if (chosen) return { kind: "victims", node: chosen.node, victims: chosen.victims };
  const others = unresolvable("Preemption is not helpful for scheduling");
  const why = sentenceOf({ ...diagnosis, refusal: undefined, rejections, others });
  return { kind: "none", why, hopeless: true };
}

function ineligible(pod: PodFacts, { snapshot }: Cluster, diagnosis: Diagnosis): string | undefined {
  const { spec, status } = pod.pod;
  if (spec.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const nominated = snapshot.nodes.get(status.nominatedNodeName ?? "");
  if (!nominated || !(diagnosis.rejections.get(nominated) ?? diagnosis.others).resolvable) return undefined;
  // Room is being made already.
  for (const other of nominated.pods.values())
    if (other.priority < pod.priority && isTerminating(other.pod) && isPreempted(other))
      return "not eligible due to a terminating pod on the nominated node.";
  return undefined;
}

function isPreempted({ pod }: PodFacts): boolean {
  return (pod.status.conditions ?? []).some(
    ({ type, status, reason }) =>
      type === "DisruptionTarget" && status === "True" && reason === "PreemptionByScheduler",
  );
}

interface Tried {
  readonly candidates: readonly Candidate[];
  readonly rejections: ReadonlyMap<NodeInfo, Rejection>;
}

function* tryOut(pod: PodFacts, nodes: readonly NodeInfo[], input: PreemptionInput): Generator<undefined, Tried> {
  const wanted = Math.min(nodes.length, Math.max(Math.trunc(nodes.length * triedShare), triedMin));
  const offset = Math.trunc(input.random.fraction() * nodes.length);
  const budgets = budgetsOf(input.cluster.related.disruptionBudgets());
  const candidates: Candidate[] = [];
  const rejections = new Map<NodeInfo, Rejection>();
  let harmless = false;
  for (let tried = 0; tried < nodes.length && !(harmless && candidates.length >= wanted); tried += 1) {
    const node = nodes[(offset + tried) % nodes.length];
    if (!node) continue;
    const answer = victimsOn(node, pod, { ...input, budgets });
    if ("reasons" in answer) rejections.set(node, answer);
    else {
      candidates.push(answer);
      harmless ||= answer.violations === 0;
    }
    yield;
  }
  return { candidates, rejections };
}

/** The fewest and least important pods without which the pod fits; or why it does not, even without any of them. */
function victimsOn(
  node: NodeInfo,
  pod: PodFacts,
  { cluster, diagnosis, budgets }: PreemptionInput & { readonly budgets: readonly Budget[] },
): Candidate | Rejection {
  const lower = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (lower.length === 0) return unresolvable("No preemption victims found for incoming pod");
  const ahead = nominatedAhead(node, pod, cluster);
  const without = new TryOut(node, diagnosis.checks);
  for (const other of lower) without.move(other, -1);
  const rejection = without.rejectionWith(ahead);
  if (rejection) return rejection.rejection;
  const victims: PodFacts[] = [];
  // True when the pod can stay.
  const reprieve = (other: PodFacts): boolean => {
    without.move(other, 1);
    if (!without.rejectionWith(ahead)) return true;
    without.move(other, -1);
    victims.push(other);
    return false;
  };
  const { violating, harmless } = splitByBudgets(sortedByImportance(lower), budgets);
  const violations = violating.filter((other) => !reprieve(other)).length;
  for (const other of harmless) reprieve(other);
  return { node, victims: sortedByImportance(victims), violations };
}

/** Higher priority first, then the longer running. */
function sortedByImportance(some: readonly PodFacts[]): readonly PodFacts[] {
  return some
    .map((pod) => ({ pod, start: startMs(pod) }))
    .sort((a, b) => b.pod.priority - a.pod.priority || a.start - b.start)
    .map(({ pod }) => pod);
}

/** A pod that has not started is the newest. */
function startMs({ pod }: PodFacts): number {
  return pod.status.startTime === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(pod.status.startTime);
}

interface Budget {
  readonly namespace: string;
  readonly selector: Selector;
  readonly disrupted: Readonly<Record<string, unknown>>;
  readonly allowed: number;
}

function budgetsOf(budgets: readonly PodDisruptionBudget[]): readonly Budget[] {
  return budgets
    .map(({ metadata, spec, status }) => ({
      namespace: metadata.namespace ?? "",
      selector: selectorOf(spec.selector),
      disrupted: status.disruptedPods ?? {},
      allowed: status.disruptionsAllowed,
    }))
    .filter(({ selector }) => !selector.matchesEverything);
}

function splitByBudgets(
  sorted: readonly PodFacts[],
  budgets: readonly Budget[],
): { readonly violating: readonly PodFacts[]; readonly harmless: readonly PodFacts[] } {
  if (budgets.length === 0) return { violating: [], harmless: sorted };
  const left = new Map(budgets.map((budget) => [budget, budget.allowed]));
  const violating: PodFacts[] = [];
  const harmless: PodFacts[] = [];
  for (const one of sorted) {
    const { labels, name = "" } = one.pod.metadata;
    let violates = false;
    for (const budget of budgets) {
      if (budget.namespace !== one.namespace || !budget.selector.matches(labels)) continue;
      // Its disruption has been counted.
      if (Object.hasOwn(budget.disrupted, name)) continue;
      const allowed = (left.get(budget) ?? 0) - 1;
      left.set(budget, allowed);
      violates ||= allowed < 0;
    }
    (violates ? violating : harmless).push(one);
  }
  return { violating, harmless };
}

// Makes every priority positive, so that fewer pods are never worse than more of the same priority.
const priorityShift = 2 ** 31;

/** Less is better, in this order. */
const costs: readonly ((candidate: Candidate) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]?.priority ?? -priorityShift,
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + priorityShift, 0),
  ({ victims }) => victims.length,
  // The earliest start among the most important victims: the later, the less is lost.
  ({ victims }) => -Math.min(...victims.filter(({ priority }) => priority === victims[0]?.priority).map(startMs)),
];

function bestOf(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates;
  for (const cost of costs) {
    if (left.length <= 1) break;
    const least = Math.min(...left.map(cost));
    left = left.filter((candidate) => cost(candidate) === least);
  }
  return left[0];
}
