/** What the server says of a pod when it is written: its class of service, and that a gate holds it back. */
import { own } from "#base/own.ts";
import type { Draft } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { CheckContext } from "#machinery/resource.ts";
import type { Container, ResourceRequirements } from "./container.ts";
import type { Pod } from "./pod.ts";
import type { PodSpec } from "./pod-spec.ts";

type Class = "Guaranteed" | "Burstable" | "BestEffort";

const counted = ["cpu", "memory"];

/** The amounts that count for the class, without those of zero. */
function positive(amounts: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  const found = counted.map((name) => [name, Quantity.parse(own(amounts, name) ?? "0")] as const);
  return new Map(found.filter(([, amount]) => !amount.isZero && !amount.isNegative));
}

function classOfAll(all: readonly ResourceRequirements[]): Class {
  let anything = false;
  let guaranteed = true;
  for (const { limits, requests } of all) {
    const most = positive(limits);
    const least = positive(requests);
    if (most.size + least.size > 0) anything = true;
    if (most.size < counted.length) guaranteed = false;
    for (const [name, amount] of least) if (most.get(name)?.compare(amount) !== 0) guaranteed = false;
  }
  if (!anything) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

/** How much the node may count on the pod's amounts. */
export function qosClassOf(spec: PodSpec): Class {
  if (spec.resources?.limits || spec.resources?.requests) return classOfAll([spec.resources]);
  const containers: readonly Container[] = [...spec.containers, ...(spec.initContainers ?? [])];
  return classOfAll(containers.map(({ resources }) => resources));
}

const gatedMessage = "Scheduling is blocked due to non-empty scheduling gates";

/** Sets the first state of a new pod; later the node says it. */
export function preparePod({ spec, status }: Draft<Pod>, { old }: CheckContext<Pod>): void {
  if (old !== undefined) return;
  status.phase = "Pending";
  status.qosClass = qosClassOf(spec);
  if (!spec.schedulingGates) return;
  status.conditions = [{ type: "PodScheduled", status: "False", reason: "SchedulingGated", message: gatedMessage }];
}
