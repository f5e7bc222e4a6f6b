/** CSIDriver of storage.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, int64, list, object, of, set, str, string, type Infer } from "#machinery/shape.ts";

export const tokenRequestShape = object("api.storage.v1.TokenRequest", {
  audience: string(1).always(),
  expirationSeconds: int64(2),
});
export interface TokenRequest extends Infer<typeof tokenRequestShape> {}

export const csiDriverSpecShape = object("api.storage.v1.CSIDriverSpec", {
  attachRequired: bool(1),
  podInfoOnMount: bool(2),
  volumeLifecycleModes: set(3, str),
  storageCapacity: bool(4),
  fsGroupPolicy: string(5).keepZero(),
  tokenRequests: list(6, tokenRequestShape),
  requiresRepublish: bool(7),
  seLinuxMount: bool(8),
  nodeAllocatableUpdatePeriodSeconds: int64(9),
  serviceAccountTokenInSecrets: bool(10),
  preventPodSchedulingIfMissing: bool(11),
});
export interface CSIDriverSpec extends Infer<typeof csiDriverSpecShape> {}

export const csiDriverShape = kind("api.storage.v1.CSIDriver", {
  spec: of(2, csiDriverSpecShape).always(),
});
export interface CSIDriver extends Infer<typeof csiDriverShape> {}

export const csiDrivers = resource<CSIDriver>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "CSIDriver",
  plural: "csidrivers",
  namespaced: false,
  shape: csiDriverShape,
});
