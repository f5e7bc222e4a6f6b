/**
 * Volumes that are folders of a node: the storage class "local-path", the default, and the volumes that claims of it
 * ask for.
 *
 * The node makes the folder when it first mounts the volume. A volume to be deleted keeps a finalizer of ours until its
 * node has removed the folder and the finalizer; when the node is gone, so is the folder, and the finalizer goes here.
 */
import { keyOf } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { nodes, type Node } from "#resources/core/node.ts";
import { persistentVolumeClaims, type PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { storageClasses, type StorageClass } from "#resources/storage/storage-class.ts";
import { create, normal, remove } from "./actions.ts";
import { nothing, type Action, type Caches, type Controller, type Plan } from "./controller.ts";
import { classOf, provisionedBy, selectedNode, storageProvisioner } from "./volumes/matching.ts";
import { watching } from "./watches.ts";

export const localProvisioner = "kedge.io/local-path";
/** Held by a volume until its node has removed the folder. */
export const localFolderFinalizer = "kedge.io/local-folder";

export type LocalStorageObservation =
  | { readonly kind: "class"; readonly exists: boolean }
  | {
      readonly kind: "claim";
      readonly claim: PersistentVolumeClaim;
      readonly storageClass: StorageClass;
      readonly node: Node | undefined;
      readonly made: boolean;
      readonly folder: string;
    }
  | { readonly kind: "volume"; readonly volume: PersistentVolume; readonly nodes: readonly Node[] };

const className = "local-path";
const hostLabel = "kubernetes.io/hostname";

/** @param folder Where volumes are on every node. */
export function localStorageProvisioner(folder: string): Controller<LocalStorageObservation> {
  return {
    name: "local-storage-provisioner",
    watches: [
      // The class is made once the cluster has its first namespaces; the key of the class has a name that no node has.
      watching(namespaces, {
        keysOf: ({ type, object }) => (type === "added" && object.metadata.name === "kube-system" ? [classKey] : []),
      }),
      watching(storageClasses, { keysOf: () => [] }),
      watching(persistentVolumeClaims, { keysOf: ({ object }) => [keyOf(object)] }),
      watching(persistentVolumes, { keysOf: ({ object }) => [keyOf(object)] }),
      watching(nodes, {
        keysOf: ({ type }, caches) => (type === "deleted" ? caches.list(persistentVolumes, "").map(keyOf) : []),
      }),
    ],
    observe: (key, caches) => {
      if (key.name === classKey.name && key.namespace === "")
        return { kind: "class", exists: caches.get(storageClasses, { namespace: "", name: className }) !== undefined };
      if (key.namespace !== "") return observeClaim(caches.get(persistentVolumeClaims, key), caches, folder);
      const volume = caches.get(persistentVolumes, key);
      return volume && { kind: "volume", volume, nodes: caches.list(nodes, "") };
    },
    plan: planLocalStorage,
  };
}

const classKey = { namespace: "", name: "class:local-path" };

function observeClaim(
  claim: PersistentVolumeClaim | undefined,
  caches: Caches,
  folder: string,
): LocalStorageObservation | undefined {
  if (claim?.metadata.annotations?.[storageProvisioner] !== localProvisioner) return undefined;
  const storageClass = caches.get(storageClasses, { namespace: "", name: classOf(claim) });
  if (!storageClass) return undefined;
  const wished = claim.metadata.annotations[selectedNode];
  // Without a pod to wait for, the volume is on the first node there is.
  const node = wished === undefined ? caches.list(nodes, "")[0] : caches.get(nodes, { namespace: "", name: wished });
  const made = caches.get(persistentVolumes, { namespace: "", name: volumeName(claim) }) !== undefined;
  return { kind: "claim", claim, storageClass, node, made, folder };
}

function volumeName(claim: PersistentVolumeClaim): string {
  return `pvc-${claim.metadata.uid}`;
}

/** Pure. */
export function planLocalStorage(seen: LocalStorageObservation): Plan {
  switch (seen.kind) {
    case "class":
      return seen.exists ? nothing : { actions: [create(storageClasses, localClass)] };
    case "claim":
      return planClaim(seen);
    case "volume":
      return planVolume(seen.volume, seen.nodes);
  }
}

const localClass: StorageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name: className, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
  provisioner: localProvisioner,
  reclaimPolicy: "Delete",
  volumeBindingMode: "WaitForFirstConsumer",
};

function planClaim({
  claim,
  storageClass,
  node,
  made,
  folder,
}: Extract<LocalStorageObservation, { kind: "claim" }>): Plan {
  const unbound = (claim.spec.volumeName ?? "") === "" && claim.metadata.deletionTimestamp === undefined;
  if (!unbound || made || !node) return nothing;
  const { namespace = "", name = "", uid, resourceVersion } = claim.metadata;
  const volume = volumeName(claim);
  const host = node.metadata.labels?.[hostLabel] ?? node.metadata.name ?? "";
  const here = { matchExpressions: [{ key: hostLabel, operator: "In" as const, values: [host] }] };
  const object: PersistentVolume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name: volume,
      annotations: { [provisionedBy]: localProvisioner },
      finalizers: [localFolderFinalizer],
    },
    spec: {
      capacity: { storage: claim.spec.resources.requests?.["storage"] ?? "0" },
      accessModes: claim.spec.accessModes ?? ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
      storageClassName: storageClass.metadata.name,
      volumeMode: "Filesystem",
      ...(storageClass.mountOptions ? { mountOptions: storageClass.mountOptions } : {}),
      hostPath: { path: `${folder}/${volume}_${namespace}_${name}`, type: "DirectoryOrCreate" },
      claimRef: { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid, resourceVersion },
      nodeAffinity: { required: { nodeSelectorTerms: [here] } },
    },
    status: {},
  };
  const begin = normal(
    claim,
    "Provisioning",
    `External provisioner is provisioning volume for claim "${namespace}/${name}"`,
  );
  const created = (): readonly Action[] => [
    normal(claim, "ProvisioningSucceeded", `Successfully provisioned volume ${volume}`),
  ];
  return { actions: [begin, create(persistentVolumes, object, { created })] };
}

function planVolume(volume: PersistentVolume, all: readonly Node[]): Plan {
  if (volume.metadata.annotations?.[provisionedBy] !== localProvisioner) return nothing;
  const { phase } = volume.status;
  if (volume.metadata.deletionTimestamp === undefined) {
    const delivered = phase === "Released" && volume.spec.persistentVolumeReclaimPolicy === "Delete";
    return delivered ? { actions: [remove(persistentVolumes, volume)] } : nothing;
  }
  const guarded = volume.metadata.finalizers?.includes(localFolderFinalizer) === true;
  if (!guarded || all.some((node) => isOn(volume, node))) return nothing;
  const metadata = { uid: volume.metadata.uid, "$deleteFromPrimitiveList/finalizers": [localFolderFinalizer] };
  const patch = { type: "strategic", body: { metadata } } as const;
  return { actions: [{ kind: "patch", resource: untyped(persistentVolumes), key: keyOf(volume), patch }] };
}

/** The node that has the volume's folder, and has to remove it. */
export function isOn(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const hosts = required.flatMap((term) => term.matchExpressions ?? []).filter(({ key }) => key === hostLabel);
  const host = node.metadata.labels?.[hostLabel] ?? node.metadata.name ?? "";
  return hosts.some(({ values }) => values?.includes(host));
}
