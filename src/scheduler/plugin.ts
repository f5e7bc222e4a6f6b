/**
 * What a scheduling plugin is: a function that looks once at a pod and the cluster, and gives what checks or scores
 * one node. What it gives up front (nothing to check, refused everywhere) saves looking at every node.
 */
import type { Node } from "#resources/core/node.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodFacts } from "./pod-facts.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Related } from "./related.ts";

export type PluginName =
  | "NodeUnschedulable"
  | "NodeName"
  | "TaintToleration"
  | "NodeAffinity"
  | "NodePorts"
  | "NodeResourcesFit"
  | "VolumeRestrictions"
  | "NodeVolumeLimits"
  | "VolumeBinding"
  | "VolumeZone"
  | "PodTopologySpread"
  | "InterPodAffinity"
  | "DynamicResources";

/** Why a pod cannot be on a node. */
export interface Rejection {
  readonly reasons: readonly string[];
  /** True when it could be there if other pods were not. */
  readonly resolvable: boolean;
}

export interface Cluster {
  readonly snapshot: Snapshot;
  readonly related: Related;
}

/** The check of one pod against nodes. */
export interface Check {
  readonly kind: "check";
  readonly node: (node: NodeInfo) => Rejection | undefined;
  /** The only nodes that can pass, when that is known without looking. */
  readonly only?: ReadonlySet<string>;
  /** For checks that look beyond the node: the same check in a cluster where pods come and go. */
  readonly fork?: () => Forked;
}

export interface Forked {
  readonly node: (node: NodeInfo) => Rejection | undefined;
  /** The pod comes to the node, or leaves it. */
  readonly move: (pod: PodFacts, node: NodeInfo, by: 1 | -1) => void;
}

export interface Refusal {
  readonly kind: "refused";
  readonly rejection: Rejection;
}

/** Undefined when the plugin has nothing to say of the pod. */
export type Filter = (pod: PodFacts, cluster: Cluster) => Check | Refusal | undefined;

/** Scores of nodes, 0 to 100, in the order of the nodes that were given. */
export type Scorer = (pod: PodFacts, cluster: Cluster, nodes: readonly NodeInfo[]) => readonly number[] | undefined;

export const scoreMax = 100;

export function check(node: Check["node"], rest: Omit<Check, "kind" | "node"> = {}): Check {
  return { kind: "check", node, ...rest };
}

export function refused(reason: string, resolvable = false): Refusal {
  return { kind: "refused", rejection: { reasons: [reason], resolvable } };
}

/** A rejection that no other pod is to blame for. */
export function unresolvable(...reasons: string[]): Rejection {
  return { reasons, resolvable: false };
}

export function resolvable(...reasons: string[]): Rejection {
  return { reasons, resolvable: true };
}

/** Scores in proportion to the largest, up to 100. */
export function inProportion(raw: readonly number[], fewerIsBetter = false): readonly number[] {
  const largest = Math.max(0, ...raw);
  if (largest === 0) return fewerIsBetter ? raw.map(() => scoreMax) : raw;
  return raw.map((score) => {
    const share = Math.trunc((scoreMax * score) / largest);
    return fewerIsBetter ? scoreMax - share : share;
  });
}

/** Something of the cluster has changed, as far as it may make a pod schedulable. */
export type ClusterEvent =
  | { readonly kind: "node"; readonly node: Node; readonly old: Node | undefined }
  | { readonly kind: "podPlaced" | "podGone"; readonly pod: PodFacts }
  | { readonly kind: "podChanged"; readonly pod: PodFacts; readonly old: PodFacts }
  | { readonly kind: "nodeGone" | "storage" | "namespace" };

/** True when the event may make the plugin accept a pod it has rejected. */
export type Hint = (pod: PodFacts, event: ClusterEvent) => boolean;
