/** Volumes that only one pod at a time may use: claims with ReadWriteOncePod, and disks that are not shared. */
import type { NodeInfo } from "../node-info.ts";
import { check, resolvable, type Cluster, type Filter, type Forked, type Hint } from "../plugin.ts";
import type { PodSeen } from "../pod-view.ts";

type Volume = NonNullable<PodSeen["spec"]["volumes"]>[number];

export const volumeRestrictions: Filter = (pod, cluster) => {
  const exclusive = pod.claims.filter((key) =>
    cluster.related.claim(key)?.spec.accessModes?.includes("ReadWriteOncePod"),
  );
  const disks = (pod.pod.spec.volumes ?? []).filter(isDisk);
  if (exclusive.length + disks.length === 0) return undefined;
  const uses = usesOf(exclusive, cluster);
  const forked = (users: number): Forked => {
    let left = users;
    return {
      node: (node) => rejection(node, left),
      move: ({ claims }, _, by) => void (left += by * claims.filter((key) => exclusive.includes(key)).length),
    };
  };
  const rejection = (node: NodeInfo, users: number): ReturnType<Forked["node"]> => {
    if (users > 0)
      return resolvable("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode");
    return disks.some((disk) => isInUse(disk, node)) ? resolvable("node(s) had no available disk") : undefined;
  };
  return check((node) => rejection(node, uses), { fork: () => forked(uses) });
};

function usesOf(claims: readonly string[], { snapshot }: Cluster): number {
  return claims.reduce((sum, key) => sum + (snapshot.claimUses.get(key) ?? 0), 0);
}

function isDisk({ gcePersistentDisk, awsElasticBlockStore, rbd, iscsi }: Volume): boolean {
  return [gcePersistentDisk, awsElasticBlockStore, rbd, iscsi].some((source) => source !== undefined);
}

function isInUse(disk: Volume, node: NodeInfo): boolean {
  for (const { pod } of node.pods.values()) if (pod.spec.volumes?.some((other) => excludes(disk, other))) return true;
  return false;
}

interface MaybeReadOnly {
  readonly readOnly?: boolean | undefined;
}

/** True when the two are the same disk, which cannot be mounted twice: some can be, to be read. */
function excludes(a: Volume, b: Volume): boolean {
  const bothRead = (one: MaybeReadOnly, other: MaybeReadOnly): boolean =>
    one.readOnly === true && other.readOnly === true;
  if (a.gcePersistentDisk && b.gcePersistentDisk)
    return (
      a.gcePersistentDisk.pdName === b.gcePersistentDisk.pdName && !bothRead(a.gcePersistentDisk, b.gcePersistentDisk)
    );
  if (a.awsElasticBlockStore && b.awsElasticBlockStore)
    return a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore.volumeID;
  if (a.iscsi && b.iscsi) return a.iscsi.iqn === b.iscsi.iqn && !bothRead(a.iscsi, b.iscsi);
  if (!a.rbd || !b.rbd) return false;
  const [one, other] = [a.rbd, b.rbd];
  return (
    one.monitors.some((monitor) => other.monitors.includes(monitor)) &&
    (one.pool ?? "rbd") === (other.pool ?? "rbd") &&
    one.image === other.image &&
    !bothRead(one, other)
  );
}

export const volumeRestrictionsHint: Hint = (_, event) => {
  if (event.kind === "node") return event.old === undefined;
  return event.kind === "storage" || (event.kind === "podGone" && (event.pod.pod.spec.volumes ?? []).length > 0);
};
