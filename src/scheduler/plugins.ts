/** The plugins in the order they are asked, with what each weighs; upstream's default profile. */
import type { Filter, Hint, PluginName, Scorer } from "./plugin.ts";
import { balancedAllocation } from "./plugins/balanced-allocation.ts";
import { dynamicResources } from "./plugins/dynamic-resources.ts";
import { imageLocality } from "./plugins/image-locality.ts";
import { nodeAffinity, nodeAffinityHint, nodeAffinityScore } from "./plugins/node-affinity.ts";
import { nodeName, nodeNameHint } from "./plugins/node-name.ts";
import { nodePorts, nodePortsHint } from "./plugins/node-ports.ts";
import { leastAllocated, nodeResourcesFit, nodeResourcesFitHint } from "./plugins/node-resources-fit.ts";
import { nodeUnschedulable, nodeUnschedulableHint } from "./plugins/node-unschedulable.ts";
import { taintToleration, taintTolerationHint, taintTolerationScore } from "./plugins/taint-toleration.ts";
import { interPodAffinity, interPodAffinityHint } from "./plugins/inter-pod-affinity.ts";
import { interPodAffinityScore } from "./plugins/inter-pod-affinity-score.ts";
import { nodeVolumeLimits, nodeVolumeLimitsHint } from "./plugins/node-volume-limits.ts";
import { podTopologySpread, podTopologySpreadHint } from "./plugins/pod-topology-spread.ts";
import { podTopologySpreadScore } from "./plugins/pod-topology-spread-score.ts";
import { volumeBinding, volumeBindingHint } from "./plugins/volume-binding.ts";
import { volumeRestrictions, volumeRestrictionsHint } from "./plugins/volume-restrictions.ts";
import { volumeZone, volumeZoneHint } from "./plugins/volume-zone.ts";

interface FilterPlugin {
  readonly filter: Filter;
  readonly hint: Hint;
}

const plugins: Readonly<Record<PluginName, FilterPlugin>> = {
  NodeUnschedulable: { filter: nodeUnschedulable, hint: nodeUnschedulableHint },
  NodeName: { filter: nodeName, hint: nodeNameHint },
  TaintToleration: { filter: taintToleration, hint: taintTolerationHint },
  NodeAffinity: { filter: nodeAffinity, hint: nodeAffinityHint },
  NodePorts: { filter: nodePorts, hint: nodePortsHint },
  NodeResourcesFit: { filter: nodeResourcesFit, hint: nodeResourcesFitHint },
  VolumeRestrictions: { filter: volumeRestrictions, hint: volumeRestrictionsHint },
  NodeVolumeLimits: { filter: nodeVolumeLimits, hint: nodeVolumeLimitsHint },
  VolumeBinding: { filter: volumeBinding, hint: volumeBindingHint },
  VolumeZone: { filter: volumeZone, hint: volumeZoneHint },
  PodTopologySpread: { filter: podTopologySpread, hint: podTopologySpreadHint },
  InterPodAffinity: { filter: interPodAffinity, hint: interPodAffinityHint },
  // Only the pod itself can change this, which brings it back in any case.
  DynamicResources: { filter: dynamicResources, hint: () => false },
};

// Holds because the keys of the table are its type's.
export const filters = Object.entries(plugins).map(([name, { filter }]) => ({ name: name as PluginName, filter }));

// Holds for the same reason.
export const hints = Object.fromEntries(
  Object.entries(plugins).map(([name, { hint }]) => [name, hint]),
) as unknown as Readonly<Record<PluginName, Hint>>;

export const scorers: readonly { readonly weight: number; readonly score: Scorer }[] = [
  { weight: 3, score: taintTolerationScore },
  { weight: 2, score: nodeAffinityScore },
  { weight: 1, score: leastAllocated },
  { weight: 2, score: podTopologySpreadScore },
  { weight: 2, score: interPodAffinityScore },
  { weight: 1, score: balancedAllocation },
  { weight: 1, score: imageLocality },
];
