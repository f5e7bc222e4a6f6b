/** Namespace of the core group/v1. */
import { allVerbs, kind, resource, type CheckContext } from "#machinery/resource.ts";
import { list, listMap, object, of, oneOf, str, string, time, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { type Draft } from "#machinery/meta.ts";
import { checkNamespace } from "./node-rules.ts";

export const namespaceSpecShape = object("api.core.v1.NamespaceSpec", {
  finalizers: list(1, str),
});
export interface NamespaceSpec extends Infer<typeof namespaceSpecShape> {}

export const namespaceConditionShape = object("api.core.v1.NamespaceCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(4),
  reason: string(5),
  message: string(6),
});
export interface NamespaceCondition extends Infer<typeof namespaceConditionShape> {}

export const namespaceStatusShape = object("api.core.v1.NamespaceStatus", {
  phase: oneOf(1, ["Active", "Terminating"]),
  conditions: listMap(2, ["type"], namespaceConditionShape).patchMerge("type"),
});
export interface NamespaceStatus extends Infer<typeof namespaceStatusShape> {}

export const namespaceShape = kind("api.core.v1.Namespace", {
  spec: of(2, namespaceSpecShape).always().unlisted(),
  status: of(3, namespaceStatusShape).always().unlisted(),
});
export interface Namespace extends Infer<typeof namespaceShape> {}

function prepareNamespace(
  { metadata, spec, status }: Draft<Namespace>,
  { old, subresource }: CheckContext<Namespace>,
): void {
  status.phase ??= "Active";
  if (old !== undefined) {
    // Whoever may change a namespace must not let it go before it is empty: what is left would be the next one's.
    if (subresource !== "finalize") spec.finalizers = [...(old.spec.finalizers ?? [])];
    return;
  }
  metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name ?? "" };
  spec.finalizers = [...new Set([...(spec.finalizers ?? []), "kubernetes"])];
}

export const namespaces = resource<Namespace>({
  group: "",
  version: "v1",
  kind: "Namespace",
  plural: "namespaces",
  shortNames: ["ns"],
  namespaced: false,
  // Not all at once, as upstream has it.
  verbs: allVerbs.filter((verb) => verb !== "deletecollection"),
  shape: namespaceShape,
  columns: [nameColumn, text("Status", (one) => one.status.phase ?? ""), ageColumn],
  generationFields: [],
  defaults: ({ metadata }) => {
    if (metadata.name) metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name };
  },
  prepare: prepareNamespace,
  nameRule: "label",
  selectableFields: {
    "status.phase": ({ status }) => status.phase ?? "",
  },
  check: checkNamespace,
});
