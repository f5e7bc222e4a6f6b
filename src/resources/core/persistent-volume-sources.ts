/** Persistent volume sources: messages that kinds of core/v1 are made of. */
import {
  bool,
  enumShape,
  inline,
  int32,
  list,
  map,
  object,
  of,
  oneOf,
  quantityText,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { nodeSelectorShape } from "./affinity.ts";
import { objectReferenceShape, secretReferenceShape } from "./references.ts";
import {
  awsElasticBlockStoreVolumeSourceShape,
  azureDiskVolumeSourceShape,
  fcVolumeSourceShape,
  flockerVolumeSourceShape,
  gcePersistentDiskVolumeSourceShape,
  photonPersistentDiskVolumeSourceShape,
  portworxVolumeSourceShape,
  quobyteVolumeSourceShape,
  vsphereVirtualDiskVolumeSourceShape,
} from "./volume-sources-legacy.ts";
import { hostPathVolumeSourceShape, nfsVolumeSourceShape } from "./volume-sources.ts";

export const glusterfsPersistentVolumeSourceShape = object("api.core.v1.GlusterfsPersistentVolumeSource", {
  endpoints: string(1).always(),
  path: string(2).always(),
  readOnly: bool(3).dropZero(),
  endpointsNamespace: string(4).keepZero(),
});
export interface GlusterfsPersistentVolumeSource extends Infer<typeof glusterfsPersistentVolumeSourceShape> {}

export const rbdPersistentVolumeSourceShape = object("api.core.v1.RBDPersistentVolumeSource", {
  monitors: list(1, str).always(),
  image: string(2).always(),
  fsType: string(3),
  pool: string(4).default("rbd"),
  user: string(5).default("admin"),
  keyring: string(6).default("/etc/ceph/keyring"),
  secretRef: of(7, secretReferenceShape),
  readOnly: bool(8).dropZero(),
});
export interface RBDPersistentVolumeSource extends Infer<typeof rbdPersistentVolumeSourceShape> {}

export const iscsiPersistentVolumeSourceShape = object("api.core.v1.ISCSIPersistentVolumeSource", {
  targetPortal: string(1).always(),
  iqn: string(2).always(),
  lun: int32(3).always(),
  iscsiInterface: string(4).default("default"),
  fsType: string(5),
  readOnly: bool(6).dropZero(),
  portals: list(7, str),
  chapAuthDiscovery: bool(8).dropZero(),
  chapAuthSession: bool(11).dropZero(),
  secretRef: of(10, secretReferenceShape),
  initiatorName: string(12).keepZero(),
});
export interface ISCSIPersistentVolumeSource extends Infer<typeof iscsiPersistentVolumeSourceShape> {}

export const cinderPersistentVolumeSourceShape = object("api.core.v1.CinderPersistentVolumeSource", {
  volumeID: string(1).always(),
  fsType: string(2),
  readOnly: bool(3).dropZero(),
  secretRef: of(4, secretReferenceShape),
});
export interface CinderPersistentVolumeSource extends Infer<typeof cinderPersistentVolumeSourceShape> {}

export const cephFSPersistentVolumeSourceShape = object("api.core.v1.CephFSPersistentVolumeSource", {
  monitors: list(1, str).always(),
  path: string(2),
  user: string(3),
  secretFile: string(4),
  secretRef: of(5, secretReferenceShape),
  readOnly: bool(6).dropZero(),
});
export interface CephFSPersistentVolumeSource extends Infer<typeof cephFSPersistentVolumeSourceShape> {}

export const flexPersistentVolumeSourceShape = object("api.core.v1.FlexPersistentVolumeSource", {
  driver: string(1).always(),
  fsType: string(2),
  secretRef: of(3, secretReferenceShape),
  readOnly: bool(4).dropZero(),
  options: map(5, str),
});
export interface FlexPersistentVolumeSource extends Infer<typeof flexPersistentVolumeSourceShape> {}

export const azureFilePersistentVolumeSourceShape = object("api.core.v1.AzureFilePersistentVolumeSource", {
  secretName: string(1).always(),
  shareName: string(2).always(),
  readOnly: bool(3).dropZero(),
  secretNamespace: string(4).keepZero(),
});
export interface AzureFilePersistentVolumeSource extends Infer<typeof azureFilePersistentVolumeSourceShape> {}

export const scaleIOPersistentVolumeSourceShape = object("api.core.v1.ScaleIOPersistentVolumeSource", {
  gateway: string(1).always(),
  system: string(2).always(),
  secretRef: of(3, secretReferenceShape).required(),
  sslEnabled: bool(4).dropZero(),
  protectionDomain: string(5),
  storagePool: string(6),
  storageMode: string(7).default("ThinProvisioned"),
  volumeName: string(8),
  fsType: string(9).default("xfs"),
  readOnly: bool(10).dropZero(),
});
export interface ScaleIOPersistentVolumeSource extends Infer<typeof scaleIOPersistentVolumeSourceShape> {}

export const localVolumeSourceShape = object("api.core.v1.LocalVolumeSource", {
  path: string(1).always(),
  fsType: string(2).keepZero(),
});
export interface LocalVolumeSource extends Infer<typeof localVolumeSourceShape> {}

export const storageOSPersistentVolumeSourceShape = object("api.core.v1.StorageOSPersistentVolumeSource", {
  volumeName: string(1),
  volumeNamespace: string(2),
  fsType: string(3),
  readOnly: bool(4).dropZero(),
  secretRef: of(5, objectReferenceShape),
});
export interface StorageOSPersistentVolumeSource extends Infer<typeof storageOSPersistentVolumeSourceShape> {}

export const csiPersistentVolumeSourceShape = object("api.core.v1.CSIPersistentVolumeSource", {
  driver: string(1).always(),
  volumeHandle: string(2).always(),
  readOnly: bool(3).dropZero(),
  fsType: string(4),
  volumeAttributes: map(5, str),
  controllerPublishSecretRef: of(6, secretReferenceShape),
  nodeStageSecretRef: of(7, secretReferenceShape),
  nodePublishSecretRef: of(8, secretReferenceShape),
  controllerExpandSecretRef: of(9, secretReferenceShape),
  nodeExpandSecretRef: of(10, secretReferenceShape),
});
export interface CSIPersistentVolumeSource extends Infer<typeof csiPersistentVolumeSourceShape> {}

export const persistentVolumeSourceShape = object("api.core.v1.PersistentVolumeSource", {
  gcePersistentDisk: of(1, gcePersistentDiskVolumeSourceShape),
  awsElasticBlockStore: of(2, awsElasticBlockStoreVolumeSourceShape),
  hostPath: of(3, hostPathVolumeSourceShape),
  glusterfs: of(4, glusterfsPersistentVolumeSourceShape),
  nfs: of(5, nfsVolumeSourceShape),
  rbd: of(6, rbdPersistentVolumeSourceShape),
  iscsi: of(7, iscsiPersistentVolumeSourceShape),
  cinder: of(8, cinderPersistentVolumeSourceShape),
  cephfs: of(9, cephFSPersistentVolumeSourceShape),
  fc: of(10, fcVolumeSourceShape),
  flocker: of(11, flockerVolumeSourceShape),
  flexVolume: of(12, flexPersistentVolumeSourceShape),
  azureFile: of(13, azureFilePersistentVolumeSourceShape),
  vsphereVolume: of(14, vsphereVirtualDiskVolumeSourceShape),
  quobyte: of(15, quobyteVolumeSourceShape),
  azureDisk: of(16, azureDiskVolumeSourceShape),
  photonPersistentDisk: of(17, photonPersistentDiskVolumeSourceShape),
  portworxVolume: of(18, portworxVolumeSourceShape),
  scaleIO: of(19, scaleIOPersistentVolumeSourceShape),
  local: of(20, localVolumeSourceShape),
  storageos: of(21, storageOSPersistentVolumeSourceShape),
  csi: of(22, csiPersistentVolumeSourceShape),
});
export interface PersistentVolumeSource extends Infer<typeof persistentVolumeSourceShape> {}

export const volumeNodeAffinityShape = object("api.core.v1.VolumeNodeAffinity", {
  required: of(1, nodeSelectorShape),
});
export interface VolumeNodeAffinity extends Infer<typeof volumeNodeAffinityShape> {}

export const persistentVolumeSpecShape = object("api.core.v1.PersistentVolumeSpec", {
  capacity: map(1, quantityText),
  persistentVolumeSource: inline(2, persistentVolumeSourceShape),
  accessModes: list(3, enumShape(["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"])),
  claimRef: of(4, objectReferenceShape),
  persistentVolumeReclaimPolicy: oneOf(5, ["Recycle", "Delete", "Retain"]).default("Retain"),
  storageClassName: string(6),
  mountOptions: list(7, str),
  volumeMode: oneOf(8, ["Block", "Filesystem"]).keepZero().default("Filesystem"),
  nodeAffinity: of(9, volumeNodeAffinityShape),
  volumeAttributesClassName: string(10).keepZero(),
});
export interface PersistentVolumeSpec extends Infer<typeof persistentVolumeSpecShape> {}
