/** ServiceAccount of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, list, listMap, type Infer } from "#machinery/shape.ts";
import { localObjectReferenceShape, objectReferenceShape } from "./references.ts";
import { ageColumn, nameColumn, integer } from "#machinery/table.ts";

export const serviceAccountShape = kind("api.core.v1.ServiceAccount", {
  secrets: listMap(2, ["name"], objectReferenceShape).patchMerge("name"),
  imagePullSecrets: list(3, localObjectReferenceShape),
  automountServiceAccountToken: bool(4),
});
export interface ServiceAccount extends Infer<typeof serviceAccountShape> {}

export const serviceAccounts = resource<ServiceAccount>({
  group: "",
  version: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  shortNames: ["sa"],
  namespaced: true,
  shape: serviceAccountShape,
  columns: [nameColumn, integer("Secrets", (one) => one.secrets?.length ?? 0), ageColumn],
});
