/** Eviction of policy/v1. */
import { deleteOptions } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";

export const evictionShape = kind("api.policy.v1.Eviction", {
  deleteOptions: of(2, deleteOptions),
});
export interface Eviction extends Infer<typeof evictionShape> {}

export const evictions = resource<Eviction>({
  group: "policy",
  version: "v1",
  kind: "Eviction",
  plural: "evictions",
  namespaced: true,
  shape: evictionShape,
  verbs: [],
});
