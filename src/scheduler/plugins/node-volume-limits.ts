/** A node attaches no more volumes of a storage driver than the driver says it can. */
import type { NodeInfo } from "../node-info.ts";
import { check, resolvable, type Cluster, type Filter, type Hint } from "../plugin.ts";
import type { PodFacts } from "../pod-facts.ts";

export const nodeVolumeLimits: Filter = (pod, cluster) => {
  const wanted = attachedOf(pod, cluster);
  if (wanted.size === 0) return undefined;
  return check((node) =>
    isOverLimit(wanted, node, cluster) ? resolvable("node(s) exceed max volume count") : undefined,
  );
};

function isOverLimit(wanted: ReadonlyMap<string, string>, node: NodeInfo, cluster: Cluster): boolean {
  for (const { name, allocatable } of cluster.related.csiNode(node.name)?.spec.drivers ?? []) {
    const added = new Set([...wanted].filter(([, driver]) => driver === name).map(([volume]) => volume));
    if (allocatable?.count === undefined || added.size === 0) continue;
    const there = new Set<string>();
    for (const pod of node.pods.values())
      for (const [volume, driver] of attachedOf(pod, cluster)) if (driver === name) there.add(volume);
    // What is there is attached once, however many pods use it.
    const more = added.difference(there).size;
    if (more > 0 && there.size + more > allocatable.count) return true;
  }
  return false;
}

/** The drivers of the pod's volumes, by what identifies the volume; a claim without one counts as one to come. */
function attachedOf({ claims, pod }: PodFacts, { related }: Cluster): ReadonlyMap<string, string> {
  const attached = new Map<string, string>();
  for (const { csi, name } of pod.spec.volumes ?? [])
    if (csi) attached.set(`${pod.metadata.uid ?? ""}/${name}`, csi.driver);
  for (const key of claims) {
    const claim = related.claim(key);
    const { csi } = related.volume(claim?.spec.volumeName ?? "")?.spec ?? {};
    const provisioner = related.storageClass(claim?.spec.storageClassName ?? "")?.provisioner;
    if (csi) attached.set(csi.volumeHandle, csi.driver);
    else if ((claim?.spec.volumeName ?? "") === "" && provisioner) attached.set(key, provisioner);
  }
  return attached;
}

export const nodeVolumeLimitsHint: Hint = (_, event) =>
  event.kind === "storage" || event.kind === "node" || (event.kind === "podGone" && event.pod.claims.length > 0);
