/** What pods ask for and nodes have, as plain numbers: thousandths of cores, and units of everything else. */
import { own } from "#base/own.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { Container } from "#resources/core/container.ts";
import { podAmounts } from "#resources/core/quota-usage.ts";
import type { PodSeen } from "./pod-view.ts";

/** By resource name, without zeros. */
export type Amounts = ReadonlyMap<string, number>;

export interface PodRequests {
  readonly all: Amounts;
  /** The same in parts: what nearly every pod asks for, and the rest. */
  readonly cpu: number;
  readonly memory: number;
  readonly others: readonly (readonly [name: string, amount: number])[];
  /** What scores count of cpu and memory: containers that ask for nothing still use something. */
  readonly usedCpu: number;
  readonly usedMemory: number;
}

const leastCpu = "100m";
const leastMemory = String(200 * 1024 * 1024);

/**
 * What the pod holds on its node. While a resize is under way, that is the larger of what is wanted and what is given.
 * Pods that say the same share the same answer.
 */
export function requestsOf(pod: PodSeen): PodRequests {
  const actual = withGivenResources(pod);
  const text = textOf(actual);
  const same = known.get(text);
  if (same) return same;
  if (known.size >= sharedMax) known.clear();
  const requests = readRequests(actual);
  known.set(text, requests);
  return requests;
}

// Most pods say the same as many others, and share what it means: it is the largest part of what is kept of a pod.
const sharedMax = 1_000;
const known = new Map<string, PodRequests>();

/** Everything of the pod that counts here. */
function textOf({ spec }: PodSeen): string {
  const { containers, initContainers = [], overhead, resources } = spec;
  const requests = containers.map((one) => one.resources.requests);
  const first = initContainers.map((one) => [one.restartPolicy, one.resources.requests]);
  return JSON.stringify([requests, first, overhead, resources?.requests]);
}

function readRequests(pod: PodSeen): PodRequests {
  const all = numbersOf(podAmounts(pod, "requests"));
  const used = asksForAll(pod) ? all : numbersOf(podAmounts(withLeastRequests(pod), "requests"));
  return { ...partsOf(all), usedCpu: used.get("cpu") ?? 0, usedMemory: used.get("memory") ?? 0 };
}

function partsOf(all: Amounts): Pick<PodRequests, "all" | "cpu" | "memory" | "others"> {
  const others = [...all].filter(([name]) => name !== "cpu" && name !== "memory");
  return { all, cpu: all.get("cpu") ?? 0, memory: all.get("memory") ?? 0, others };
}

/** The amounts of a node's status. */
export function amountsOf(texts: Readonly<Record<string, string>> | undefined): Map<string, number> {
  return numbersOf(new Map(Object.entries(texts ?? {}).map(([name, text]) => [name, Quantity.parse(text)])));
}

function numbersOf(quantities: ReadonlyMap<string, Quantity>): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const [name, quantity] of quantities) {
    const amount = name === "cpu" ? quantity.milliValue() : quantity.value();
    if (amount !== 0) numbers.set(name, amount);
  }
  return numbers;
}

function asksForAll({ spec }: PodSeen): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].every(
    ({ resources }) => resources.requests?.["cpu"] !== undefined && resources.requests["memory"] !== undefined,
  );
}

function withLeastRequests(pod: PodSeen): PodSeen {
  return withContainers(pod, (container) => ({ cpu: leastCpu, memory: leastMemory, ...container.resources.requests }));
}

function withGivenResources(pod: PodSeen): PodSeen {
  const statuses = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  const given = new Map(
    statuses.map(({ name, allocatedResources, resources }) => [name, [allocatedResources, resources?.requests]]),
  );
  const differs = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(({ name, resources }) =>
    given
      .get(name)
      ?.some((amounts) => Object.entries(amounts ?? {}).some(([key, text]) => own(resources.requests, key) !== text)),
  );
  if (!differs) return pod;
  const infeasible = pod.status.conditions?.some(
    ({ type, reason }) => type === "PodResizePending" && reason === "Infeasible",
  );
  return withContainers(pod, (container) => {
    const largest: Record<string, string> = infeasible ? {} : { ...container.resources.requests };
    for (const amounts of given.get(container.name) ?? [])
      for (const [key, text] of Object.entries(amounts ?? {}))
        if (Quantity.parse(own(largest, key) ?? "0").compare(Quantity.parse(text)) < 0) largest[key] = text;
    return { ...container.resources.requests, ...largest };
  });
}

type Sized = Pick<Container, "name" | "resources">;

function withContainers(pod: PodSeen, requests: (container: Sized) => Record<string, string>): PodSeen {
  const changed = <C extends Sized>(container: C): C => ({
    ...container,
    resources: { ...container.resources, requests: requests(container) },
  });
  const { containers, initContainers = [] } = pod.spec;
  return {
    ...pod,
    spec: { ...pod.spec, containers: containers.map(changed), initContainers: initContainers.map(changed) },
  };
}
