/**
 * What a pod may learn of itself: fields of its own object and its containers' resources.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
 */
import { own } from "#base/own.ts";
import type { ObjectFieldSelector, ResourceFieldSelector } from "#resources/core/environment.ts";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { amountOf } from "../plan/amounts.ts";
import { findContainer } from "../plan/observation.ts";

export interface PodFacts {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  /** Stands in for limits that are not set. Quantities. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** @throws Error when there is no such field. */
export function fieldValue(facts: PodFacts, { fieldPath }: ObjectFieldSelector): string {
  const { metadata, spec } = facts.pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript) return own(metadata[subscript[1] === "labels" ? "labels" : "annotations"], subscript[2] ?? "") ?? "";
  const read: Readonly<Record<string, () => string>> = {
    "metadata.name": () => metadata.name ?? "",
    "metadata.namespace": () => metadata.namespace ?? "",
    "metadata.uid": () => metadata.uid ?? "",
    "metadata.labels": () => mapText(metadata.labels),
    "metadata.annotations": () => mapText(metadata.annotations),
    "spec.nodeName": () => spec.nodeName ?? "",
    "spec.serviceAccountName": () => spec.serviceAccountName ?? "",
    "status.hostIP": () => facts.hostIps[0] ?? "",
    "status.hostIPs": () => facts.hostIps.join(","),
    "status.podIP": () => facts.podIps[0] ?? "",
    "status.podIPs": () => facts.podIps.join(","),
  };
  const found = own(read, fieldPath);
  if (!found) throw new Error(`unsupported fieldPath: ${fieldPath}`);
  return found();
}

/** One `key="value"` a line, sorted, the value quoted. */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

/** @throws Error when there is no such container or resource. */
export function resourceValue(facts: PodFacts, selector: ResourceFieldSelector, asking?: Container): string {
  const { containerName, resource, divisor } = selector;
  const container = containerName ? findContainer(facts.pod, containerName) : asking;
  if (!container) throw new Error(`container ${containerName} not found`);
  const [kind = "", name = ""] = resource.split(/\.(.*)/s);
  if (kind !== "limits" && kind !== "requests") throw new Error(`unsupported container resource : ${resource}`);
  const { limits, requests } = container.resources ?? {};
  const text =
    kind === "limits"
      ? (own(limits, name) ?? own(facts.allocatable, name))
      : (own(requests, name) ?? own(limits, name));
  const unit = amountOf(divisor) === 0 ? 1 : amountOf(divisor);
  // Division of decimal fractions must not end just above a whole number.
  return String(Math.ceil(Number((amountOf(text) / unit).toFixed(6))));
}
