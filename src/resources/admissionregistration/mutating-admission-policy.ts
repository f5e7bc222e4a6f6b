/** MutatingAdmissionPolicy of admissionregistration.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { list, listMap, object, of, oneOf, string, type Infer } from "#machinery/shape.ts";
import { matchConditionShape } from "./match-condition.ts";
import { matchResourcesShape } from "./match-resources.ts";
import { paramKindShape, paramKindText } from "./param-kind.ts";
import { variableShape } from "./variable.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { checkMutatingPolicy } from "./policy-rules.ts";

export const applyConfigurationShape = object("api.admissionregistration.v1.ApplyConfiguration", {
  expression: string(1),
});
export interface ApplyConfiguration extends Infer<typeof applyConfigurationShape> {}

export const jsonPatchShape = object("api.admissionregistration.v1.JSONPatch", {
  expression: string(1),
});
export interface JSONPatch extends Infer<typeof jsonPatchShape> {}

export const mutationShape = object("api.admissionregistration.v1.Mutation", {
  patchType: oneOf(2, ["ApplyConfiguration", "JSONPatch"]).always(),
  applyConfiguration: of(3, applyConfigurationShape),
  jsonPatch: of(4, jsonPatchShape),
});
export interface Mutation extends Infer<typeof mutationShape> {}

export const mutatingAdmissionPolicySpecShape = object("api.admissionregistration.v1.MutatingAdmissionPolicySpec", {
  paramKind: of(1, paramKindShape),
  matchConstraints: of(2, matchResourcesShape),
  variables: list(3, variableShape),
  mutations: list(4, mutationShape),
  failurePolicy: oneOf(5, ["Ignore", "Fail"]).keepZero().default("Fail"),
  matchConditions: listMap(6, ["name"], matchConditionShape).patchMerge("name"),
  reinvocationPolicy: oneOf(7, ["Never", "IfNeeded"]),
});
export interface MutatingAdmissionPolicySpec extends Infer<typeof mutatingAdmissionPolicySpecShape> {}

export const mutatingAdmissionPolicyShape = kind("api.admissionregistration.v1.MutatingAdmissionPolicy", {
  spec: of(2, mutatingAdmissionPolicySpecShape).always().unlisted(),
});
export interface MutatingAdmissionPolicy extends Infer<typeof mutatingAdmissionPolicyShape> {}

export const mutatingAdmissionPolicies = resource<MutatingAdmissionPolicy>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "MutatingAdmissionPolicy",
  plural: "mutatingadmissionpolicies",
  categories: ["api-extensions"],
  namespaced: false,
  shape: mutatingAdmissionPolicyShape,
  columns: [
    nameColumn,
    integer("Mutations", (one) => one.spec.mutations?.length ?? 0),
    text("ParamKind", (one) => paramKindText(one.spec.paramKind)),
    ageColumn,
  ],
  check: checkMutatingPolicy,
});
