/** Volume sources: messages that kinds of core/v1 are made of. */
import { labelSelector } from "#machinery/meta.ts";
import {
  bool,
  inline,
  int32,
  int64,
  list,
  map,
  object,
  of,
  oneOf,
  quantity,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { objectFieldSelectorShape, resourceFieldSelectorShape } from "./environment.ts";
import { localObjectReferenceShape } from "./references.ts";

export const hostPathVolumeSourceShape = object("api.core.v1.HostPathVolumeSource", {
  path: string(1).always(),
  type: oneOf(2, ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"])
    .keepZero()
    .default(""),
});
export interface HostPathVolumeSource extends Infer<typeof hostPathVolumeSourceShape> {}

export const nfsVolumeSourceShape = object("api.core.v1.NFSVolumeSource", {
  server: string(1).always(),
  path: string(2).always(),
  readOnly: bool(3).dropZero(),
});
export interface NFSVolumeSource extends Infer<typeof nfsVolumeSourceShape> {}

export const emptyDirVolumeSourceShape = object("api.core.v1.EmptyDirVolumeSource", {
  medium: string(1),
  sizeLimit: quantity(2),
});
export interface EmptyDirVolumeSource extends Infer<typeof emptyDirVolumeSourceShape> {}

export const keyToPathShape = object("api.core.v1.KeyToPath", {
  key: string(1).always(),
  path: string(2).always(),
  mode: int32(3),
});
export interface KeyToPath extends Infer<typeof keyToPathShape> {}

export const secretVolumeSourceShape = object("api.core.v1.SecretVolumeSource", {
  secretName: string(1),
  items: list(2, keyToPathShape),
  defaultMode: int32(3).default(0o644),
  optional: bool(4),
});
export interface SecretVolumeSource extends Infer<typeof secretVolumeSourceShape> {}

export const persistentVolumeClaimVolumeSourceShape = object("api.core.v1.PersistentVolumeClaimVolumeSource", {
  claimName: string(1).always(),
  readOnly: bool(2).dropZero(),
});
export interface PersistentVolumeClaimVolumeSource extends Infer<typeof persistentVolumeClaimVolumeSourceShape> {}

export const downwardAPIVolumeFileShape = object("api.core.v1.DownwardAPIVolumeFile", {
  path: string(1).always(),
  fieldRef: of(2, objectFieldSelectorShape),
  resourceFieldRef: of(3, resourceFieldSelectorShape),
  mode: int32(4),
});
export interface DownwardAPIVolumeFile extends Infer<typeof downwardAPIVolumeFileShape> {}

export const downwardAPIVolumeSourceShape = object("api.core.v1.DownwardAPIVolumeSource", {
  items: list(1, downwardAPIVolumeFileShape),
  defaultMode: int32(2).default(0o644),
});
export interface DownwardAPIVolumeSource extends Infer<typeof downwardAPIVolumeSourceShape> {}

export const configMapVolumeSourceShape = object("api.core.v1.ConfigMapVolumeSource", {
  localObjectReference: inline(1, localObjectReferenceShape),
  items: list(2, keyToPathShape),
  defaultMode: int32(3).default(0o644),
  optional: bool(4),
});
export interface ConfigMapVolumeSource extends Infer<typeof configMapVolumeSourceShape> {}

export const secretProjectionShape = object("api.core.v1.SecretProjection", {
  localObjectReference: inline(1, localObjectReferenceShape),
  items: list(2, keyToPathShape),
  optional: bool(4),
});
export interface SecretProjection extends Infer<typeof secretProjectionShape> {}

export const downwardAPIProjectionShape = object("api.core.v1.DownwardAPIProjection", {
  items: list(1, downwardAPIVolumeFileShape),
});
export interface DownwardAPIProjection extends Infer<typeof downwardAPIProjectionShape> {}

export const configMapProjectionShape = object("api.core.v1.ConfigMapProjection", {
  localObjectReference: inline(1, localObjectReferenceShape),
  items: list(2, keyToPathShape),
  optional: bool(4),
});
export interface ConfigMapProjection extends Infer<typeof configMapProjectionShape> {}

export const serviceAccountTokenProjectionShape = object("api.core.v1.ServiceAccountTokenProjection", {
  audience: string(1),
  expirationSeconds: int64(2).default(3600),
  path: string(3).always(),
});
export interface ServiceAccountTokenProjection extends Infer<typeof serviceAccountTokenProjectionShape> {}

export const clusterTrustBundleProjectionShape = object("api.core.v1.ClusterTrustBundleProjection", {
  name: string(1).keepZero(),
  signerName: string(2).keepZero(),
  labelSelector: of(3, labelSelector),
  optional: bool(5),
  path: string(4).always(),
});
export interface ClusterTrustBundleProjection extends Infer<typeof clusterTrustBundleProjectionShape> {}

export const podCertificateProjectionShape = object("api.core.v1.PodCertificateProjection", {
  signerName: string(1).required(),
  keyType: string(2).required(),
  maxExpirationSeconds: int32(3),
  credentialBundlePath: string(4),
  keyPath: string(5),
  certificateChainPath: string(6),
  userAnnotations: map(7, str),
});
export interface PodCertificateProjection extends Infer<typeof podCertificateProjectionShape> {}

export const volumeProjectionShape = object("api.core.v1.VolumeProjection", {
  secret: of(1, secretProjectionShape),
  downwardAPI: of(2, downwardAPIProjectionShape),
  configMap: of(3, configMapProjectionShape),
  serviceAccountToken: of(4, serviceAccountTokenProjectionShape),
  clusterTrustBundle: of(5, clusterTrustBundleProjectionShape),
  podCertificate: of(6, podCertificateProjectionShape),
});
export interface VolumeProjection extends Infer<typeof volumeProjectionShape> {}

export const projectedVolumeSourceShape = object("api.core.v1.ProjectedVolumeSource", {
  sources: list(1, volumeProjectionShape).always().unlisted(),
  defaultMode: int32(2).default(0o644),
});
export interface ProjectedVolumeSource extends Infer<typeof projectedVolumeSourceShape> {}

export const csiVolumeSourceShape = object("api.core.v1.CSIVolumeSource", {
  driver: string(1).always(),
  readOnly: bool(2),
  fsType: string(3).keepZero(),
  volumeAttributes: map(4, str),
  nodePublishSecretRef: of(5, localObjectReferenceShape),
});
export interface CSIVolumeSource extends Infer<typeof csiVolumeSourceShape> {}

export const imageVolumeSourceShape = object("api.core.v1.ImageVolumeSource", {
  reference: string(1),
  pullPolicy: oneOf(2, ["Always", "Never", "IfNotPresent"]),
});
export interface ImageVolumeSource extends Infer<typeof imageVolumeSourceShape> {}
