/** CSIDriver of storage.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, int64, list, object, of, set, str, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, boolean, text } from "#machinery/table.ts";
import { orNone } from "../column-texts.ts";
import { checkCsiDriver } from "./storage-rules.ts";

export const tokenRequestShape = object("api.storage.v1.TokenRequest", {
  audience: string(1).always(),
  expirationSeconds: int64(2),
});
export interface TokenRequest extends Infer<typeof tokenRequestShape> {}

export const csiDriverSpecShape = object("api.storage.v1.CSIDriverSpec", {
  attachRequired: bool(1).default(true),
  podInfoOnMount: bool(2).default(false),
  volumeLifecycleModes: set(3, str).default(["Persistent"]),
  storageCapacity: bool(4).default(false),
  fsGroupPolicy: string(5).keepZero().default("ReadWriteOnceWithFSType"),
  tokenRequests: list(6, tokenRequestShape),
  requiresRepublish: bool(7).default(false),
  seLinuxMount: bool(8).default(false),
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
  columns: [
    nameColumn,
    boolean("AttachRequired", (one) => one.spec.attachRequired ?? true),
    boolean("PodInfoOnMount", (one) => one.spec.podInfoOnMount ?? false),
    boolean("StorageCapacity", (one) => one.spec.storageCapacity ?? false),
    text("TokenRequests", (one) => one.spec.tokenRequests?.map(({ audience }) => audience).join(",") ?? "<unset>"),
    boolean("RequiresRepublish", (one) => one.spec.requiresRepublish ?? false),
    text("Modes", (one) => orNone(one.spec.volumeLifecycleModes?.join(","))),
    ageColumn,
  ],
  check: checkCsiDriver,
});
