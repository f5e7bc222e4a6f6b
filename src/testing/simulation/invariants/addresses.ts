/** No address, port or range is given twice, at any revision. */
import { nodes } from "#resources/core/node.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { services } from "#resources/core/service.ts";
import type { Change, History } from "../history.ts";
import type { Invariant } from "./invariant.ts";

/** Finds a value that two have, among those that the change may have given one to. */
function twice(resource: string, valuesOf: (history: History) => Iterable<readonly [value: string, owner: string]>) {
  return ({ resource: changed, after }: Change, history: History): string | undefined => {
    if (changed !== resource || !after) return undefined;
    const owners = new Map<string, string>();
    for (const [value, owner] of valuesOf(history)) {
      const other = owners.get(value);
      if (other !== undefined) return `${other} and ${owner} both have ${value}`;
      owners.set(value, owner);
    }
    return undefined;
  };
}

function* clusterIps(history: History): Generator<readonly [string, string]> {
  for (const { metadata, spec } of history.all(services))
    for (const address of new Set([spec.clusterIP ?? "", ...(spec.clusterIPs ?? [])]))
      if (address !== "" && address !== "None") yield [address, `${metadata.namespace}/${metadata.name}`];
}

function* nodePorts(history: History): Generator<readonly [string, string]> {
  for (const { metadata, spec } of history.all(services))
    for (const { nodePort, protocol = "TCP" } of spec.ports ?? [])
      if (nodePort !== undefined && nodePort !== 0)
        yield [`${protocol} ${nodePort}`, `${metadata.namespace}/${metadata.name}`];
}

/** Addresses of pods whose machine is known to be there: what the pods of others had may be given anew. */
function* podIps(history: History): Generator<readonly [string, string]> {
  for (const pod of history.all(pods))
    if (holdsAddress(pod) && history.get(nodes, { namespace: "", name: pod.spec.nodeName ?? "" }))
      yield [pod.status.podIP ?? "", `${pod.metadata.namespace}/${pod.metadata.name}`];
}

function holdsAddress({ status, spec, metadata }: Pod): boolean {
  const isOver = status.phase === "Succeeded" || status.phase === "Failed" || metadata.deletionTimestamp !== undefined;
  return status.podIP !== undefined && spec.hostNetwork !== true && !isOver;
}

function* podRanges(history: History): Generator<readonly [string, string]> {
  for (const { metadata, spec } of history.all(nodes))
    if (spec.podCIDR !== undefined && spec.podCIDR !== "") yield [spec.podCIDR, metadata.name ?? ""];
}

export const addressInvariants: readonly Invariant[] = [
  { name: "no cluster IP is given twice", check: twice("services", clusterIps) },
  { name: "no node port is given twice", check: twice("services", nodePorts) },
  { name: "no pod IP is given twice", check: twice("pods", podIps) },
  { name: "no two nodes have one range of pod IPs", check: twice("nodes", podRanges) },
];
