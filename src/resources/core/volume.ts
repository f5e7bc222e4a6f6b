/** Volume: messages that kinds of core/v1 are made of. */
import { inline, object, of, string, type Infer } from "#machinery/shape.ts";
import { persistentVolumeClaimTemplateShape } from "./persistent-volume-claim-spec.ts";
import {
  awsElasticBlockStoreVolumeSourceShape,
  azureDiskVolumeSourceShape,
  azureFileVolumeSourceShape,
  cephFSVolumeSourceShape,
  cinderVolumeSourceShape,
  fcVolumeSourceShape,
  flexVolumeSourceShape,
  flockerVolumeSourceShape,
  gcePersistentDiskVolumeSourceShape,
  gitRepoVolumeSourceShape,
  glusterfsVolumeSourceShape,
  iscsiVolumeSourceShape,
  photonPersistentDiskVolumeSourceShape,
  portworxVolumeSourceShape,
  quobyteVolumeSourceShape,
  rbdVolumeSourceShape,
  scaleIOVolumeSourceShape,
  storageOSVolumeSourceShape,
  vsphereVirtualDiskVolumeSourceShape,
} from "./volume-sources-legacy.ts";
import {
  configMapVolumeSourceShape,
  csiVolumeSourceShape,
  downwardAPIVolumeSourceShape,
  emptyDirVolumeSourceShape,
  hostPathVolumeSourceShape,
  imageVolumeSourceShape,
  nfsVolumeSourceShape,
  persistentVolumeClaimVolumeSourceShape,
  projectedVolumeSourceShape,
  secretVolumeSourceShape,
} from "./volume-sources.ts";

export const ephemeralVolumeSourceShape = object("api.core.v1.EphemeralVolumeSource", {
  volumeClaimTemplate: of(1, persistentVolumeClaimTemplateShape),
});
export interface EphemeralVolumeSource extends Infer<typeof ephemeralVolumeSourceShape> {}

export const volumeSourceShape = object("api.core.v1.VolumeSource", {
  hostPath: of(1, hostPathVolumeSourceShape),
  emptyDir: of(2, emptyDirVolumeSourceShape),
  gcePersistentDisk: of(3, gcePersistentDiskVolumeSourceShape),
  awsElasticBlockStore: of(4, awsElasticBlockStoreVolumeSourceShape),
  gitRepo: of(5, gitRepoVolumeSourceShape),
  secret: of(6, secretVolumeSourceShape),
  nfs: of(7, nfsVolumeSourceShape),
  iscsi: of(8, iscsiVolumeSourceShape),
  glusterfs: of(9, glusterfsVolumeSourceShape),
  persistentVolumeClaim: of(10, persistentVolumeClaimVolumeSourceShape),
  rbd: of(11, rbdVolumeSourceShape),
  flexVolume: of(12, flexVolumeSourceShape),
  cinder: of(13, cinderVolumeSourceShape),
  cephfs: of(14, cephFSVolumeSourceShape),
  flocker: of(15, flockerVolumeSourceShape),
  downwardAPI: of(16, downwardAPIVolumeSourceShape),
  fc: of(17, fcVolumeSourceShape),
  azureFile: of(18, azureFileVolumeSourceShape),
  configMap: of(19, configMapVolumeSourceShape),
  vsphereVolume: of(20, vsphereVirtualDiskVolumeSourceShape),
  quobyte: of(21, quobyteVolumeSourceShape),
  azureDisk: of(22, azureDiskVolumeSourceShape),
  photonPersistentDisk: of(23, photonPersistentDiskVolumeSourceShape),
  projected: of(26, projectedVolumeSourceShape),
  portworxVolume: of(24, portworxVolumeSourceShape),
  scaleIO: of(25, scaleIOVolumeSourceShape),
  storageos: of(27, storageOSVolumeSourceShape),
  csi: of(28, csiVolumeSourceShape),
  ephemeral: of(29, ephemeralVolumeSourceShape),
  image: of(30, imageVolumeSourceShape),
});
export interface VolumeSource extends Infer<typeof volumeSourceShape> {}

export const volumeShape = object("api.core.v1.Volume", {
  name: string(1).always(),
  volumeSource: inline(2, volumeSourceShape),
});
export interface Volume extends Infer<typeof volumeShape> {}
