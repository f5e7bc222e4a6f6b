/** Lease of coordination.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, microTime, object, of, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkLease } from "../cluster-rules.ts";

export const leaseSpecShape = object("api.coordination.v1.LeaseSpec", {
  holderIdentity: string(1).keepZero(),
  leaseDurationSeconds: int32(2),
  acquireTime: microTime(3),
  renewTime: microTime(4),
  leaseTransitions: int32(5),
  strategy: string(6).keepZero(),
  preferredHolder: string(7).keepZero(),
});
export interface LeaseSpec extends Infer<typeof leaseSpecShape> {}

export const leaseShape = kind("api.coordination.v1.Lease", {
  spec: of(2, leaseSpecShape).always().unlisted(),
});
export interface Lease extends Infer<typeof leaseShape> {}

export const leases = resource<Lease>({
  group: "coordination.k8s.io",
  version: "v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
  shape: leaseShape,
  columns: [nameColumn, text("Holder", (one) => one.spec.holderIdentity ?? ""), ageColumn],
  generationFields: [],
  check: checkLease,
});
