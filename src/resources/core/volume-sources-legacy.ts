/** Volume sources legacy: messages that kinds of core/v1 are made of. */
import { bool, int32, list, map, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { localObjectReferenceShape } from "./references.ts";

export const gcePersistentDiskVolumeSourceShape = object("api.core.v1.GCEPersistentDiskVolumeSource", {
  pdName: string(1).always(),
  fsType: string(2),
  partition: int32(3).dropZero(),
  readOnly: bool(4).dropZero(),
});
export interface GCEPersistentDiskVolumeSource extends Infer<typeof gcePersistentDiskVolumeSourceShape> {}

export const awsElasticBlockStoreVolumeSourceShape = object("api.core.v1.AWSElasticBlockStoreVolumeSource", {
  volumeID: string(1).always(),
  fsType: string(2),
  partition: int32(3).dropZero(),
  readOnly: bool(4).dropZero(),
});
export interface AWSElasticBlockStoreVolumeSource extends Infer<typeof awsElasticBlockStoreVolumeSourceShape> {}

export const fcVolumeSourceShape = object("api.core.v1.FCVolumeSource", {
  targetWWNs: list(1, str),
  lun: int32(2),
  fsType: string(3),
  readOnly: bool(4).dropZero(),
  wwids: list(5, str),
});
export interface FCVolumeSource extends Infer<typeof fcVolumeSourceShape> {}

export const flockerVolumeSourceShape = object("api.core.v1.FlockerVolumeSource", {
  datasetName: string(1),
  datasetUUID: string(2),
});
export interface FlockerVolumeSource extends Infer<typeof flockerVolumeSourceShape> {}

export const vsphereVirtualDiskVolumeSourceShape = object("api.core.v1.VsphereVirtualDiskVolumeSource", {
  volumePath: string(1).always(),
  fsType: string(2),
  storagePolicyName: string(3),
  storagePolicyID: string(4),
});
export interface VsphereVirtualDiskVolumeSource extends Infer<typeof vsphereVirtualDiskVolumeSourceShape> {}

export const quobyteVolumeSourceShape = object("api.core.v1.QuobyteVolumeSource", {
  registry: string(1).always(),
  volume: string(2).always(),
  readOnly: bool(3).dropZero(),
  user: string(4),
  group: string(5),
  tenant: string(6),
});
export interface QuobyteVolumeSource extends Infer<typeof quobyteVolumeSourceShape> {}

export const azureDiskVolumeSourceShape = object("api.core.v1.AzureDiskVolumeSource", {
  diskName: string(1).always(),
  diskURI: string(2).always(),
  cachingMode: oneOf(3, ["None", "ReadOnly", "ReadWrite"]).keepZero().default("ReadWrite"),
  fsType: string(4).keepZero().default("ext4"),
  readOnly: bool(5).default(false),
  kind: oneOf(6, ["Shared", "Dedicated", "Managed"]).keepZero().default("Shared"),
});
export interface AzureDiskVolumeSource extends Infer<typeof azureDiskVolumeSourceShape> {}

export const photonPersistentDiskVolumeSourceShape = object("api.core.v1.PhotonPersistentDiskVolumeSource", {
  pdID: string(1).always(),
  fsType: string(2),
});
export interface PhotonPersistentDiskVolumeSource extends Infer<typeof photonPersistentDiskVolumeSourceShape> {}

export const portworxVolumeSourceShape = object("api.core.v1.PortworxVolumeSource", {
  volumeID: string(1).always(),
  fsType: string(2),
  readOnly: bool(3).dropZero(),
});
export interface PortworxVolumeSource extends Infer<typeof portworxVolumeSourceShape> {}

export const gitRepoVolumeSourceShape = object("api.core.v1.GitRepoVolumeSource", {
  repository: string(1).always(),
  revision: string(2),
  directory: string(3),
});
export interface GitRepoVolumeSource extends Infer<typeof gitRepoVolumeSourceShape> {}

export const iscsiVolumeSourceShape = object("api.core.v1.ISCSIVolumeSource", {
  targetPortal: string(1).always(),
  iqn: string(2).always(),
  lun: int32(3).always(),
  iscsiInterface: string(4).default("default"),
  fsType: string(5),
  readOnly: bool(6).dropZero(),
  portals: list(7, str),
  chapAuthDiscovery: bool(8).dropZero(),
  chapAuthSession: bool(11).dropZero(),
  secretRef: of(10, localObjectReferenceShape),
  initiatorName: string(12).keepZero(),
});
export interface ISCSIVolumeSource extends Infer<typeof iscsiVolumeSourceShape> {}

export const glusterfsVolumeSourceShape = object("api.core.v1.GlusterfsVolumeSource", {
  endpoints: string(1).always(),
  path: string(2).always(),
  readOnly: bool(3).dropZero(),
});
export interface GlusterfsVolumeSource extends Infer<typeof glusterfsVolumeSourceShape> {}

export const rbdVolumeSourceShape = object("api.core.v1.RBDVolumeSource", {
  monitors: list(1, str).always(),
  image: string(2).always(),
  fsType: string(3),
  pool: string(4).default("rbd"),
  user: string(5).default("admin"),
  keyring: string(6).default("/etc/ceph/keyring"),
  secretRef: of(7, localObjectReferenceShape),
  readOnly: bool(8).dropZero(),
});
export interface RBDVolumeSource extends Infer<typeof rbdVolumeSourceShape> {}

export const flexVolumeSourceShape = object("api.core.v1.FlexVolumeSource", {
  driver: string(1).always(),
  fsType: string(2),
  secretRef: of(3, localObjectReferenceShape),
  readOnly: bool(4).dropZero(),
  options: map(5, str),
});
export interface FlexVolumeSource extends Infer<typeof flexVolumeSourceShape> {}

export const cinderVolumeSourceShape = object("api.core.v1.CinderVolumeSource", {
  volumeID: string(1).always(),
  fsType: string(2),
  readOnly: bool(3).dropZero(),
  secretRef: of(4, localObjectReferenceShape),
});
export interface CinderVolumeSource extends Infer<typeof cinderVolumeSourceShape> {}

export const cephFSVolumeSourceShape = object("api.core.v1.CephFSVolumeSource", {
  monitors: list(1, str).always(),
  path: string(2),
  user: string(3),
  secretFile: string(4),
  secretRef: of(5, localObjectReferenceShape),
  readOnly: bool(6).dropZero(),
});
export interface CephFSVolumeSource extends Infer<typeof cephFSVolumeSourceShape> {}

export const azureFileVolumeSourceShape = object("api.core.v1.AzureFileVolumeSource", {
  secretName: string(1).always(),
  shareName: string(2).always(),
  readOnly: bool(3).dropZero(),
});
export interface AzureFileVolumeSource extends Infer<typeof azureFileVolumeSourceShape> {}

export const scaleIOVolumeSourceShape = object("api.core.v1.ScaleIOVolumeSource", {
  gateway: string(1).always(),
  system: string(2).always(),
  secretRef: of(3, localObjectReferenceShape).required(),
  sslEnabled: bool(4).dropZero(),
  protectionDomain: string(5),
  storagePool: string(6),
  storageMode: string(7).default("ThinProvisioned"),
  volumeName: string(8),
  fsType: string(9).default("xfs"),
  readOnly: bool(10).dropZero(),
});
export interface ScaleIOVolumeSource extends Infer<typeof scaleIOVolumeSourceShape> {}

export const storageOSVolumeSourceShape = object("api.core.v1.StorageOSVolumeSource", {
  volumeName: string(1),
  volumeNamespace: string(2),
  fsType: string(3),
  readOnly: bool(4).dropZero(),
  secretRef: of(5, localObjectReferenceShape),
});
export interface StorageOSVolumeSource extends Infer<typeof storageOSVolumeSourceShape> {}
