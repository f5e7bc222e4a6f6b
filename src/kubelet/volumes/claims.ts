/** The folder or device behind a persistent volume claim: volumes of this machine are all this node can mount. */
import type { Client } from "#client/client.ts";
import { isReason } from "#machinery/status.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes } from "#resources/core/persistent-volume.ts";
import type { Pod } from "#resources/core/pod.ts";

export interface ClaimedVolume {
  readonly path: string;
  readonly readOnly: boolean;
  readonly type: "hostPath" | "local";
  readonly block: boolean;
}

/** The claim's folder. @throws Error with one sentence when it is not bound or cannot be mounted here. */
export async function claimedVolume(client: Client, pod: Pod, claimName: string): Promise<ClaimedVolume> {
  const namespace = pod.metadata.namespace ?? "";
  const claim = await client.get(persistentVolumeClaims, { namespace, name: claimName }).catch((error: unknown) => {
    if (isReason(error, "NotFound")) throw new Error(`persistentvolumeclaim "${claimName}" not found`);
    throw error;
  });
  const name = claim.spec?.volumeName ?? "";
  if (claim.status?.phase !== "Bound" || name === "")
    throw new Error(`persistentvolumeclaim "${claimName}" is not bound to a volume yet`);
  if (claim.metadata.deletionTimestamp !== undefined && pod.status?.startTime === undefined)
    throw new Error(`can't start pod because PVC ${claimName} is being deleted`);
  const volume = await client.get(persistentVolumes, { namespace: "", name });
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid)
    throw new Error(`persistentvolume "${name}" is bound to another claim than "${claimName}"`);
  const { hostPath, local, volumeMode, accessModes = [] } = volume.spec ?? {};
  const source = local ?? hostPath;
  if (!source)
    throw new Error(
      `persistentvolume "${name}" has a source that this node does not support: ${sourceOf(volume.spec)}`,
    );
  return {
    path: source.path,
    readOnly: accessModes.length > 0 && accessModes.every((mode) => mode === "ReadOnlyMany"),
    type: local ? "local" : "hostPath",
    block: volumeMode === "Block",
  };
}

const generalFields: ReadonlySet<string> = new Set([
  "accessModes",
  "capacity",
  "claimRef",
  "mountOptions",
  "nodeAffinity",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "volumeMode",
  "volumeAttributesClassName",
]);

function sourceOf(spec: object | undefined): string {
  return Object.keys(spec ?? {}).find((field) => !generalFields.has(field)) ?? "none";
}
