/** ValidatingAdmissionPolicy of admissionregistration.k8s.io/v1. */
import { condition } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int64, list, listMap, object, of, oneOf, string, type Infer } from "#machinery/shape.ts";
import { matchConditionShape } from "./match-condition.ts";
import { matchResourcesShape } from "./match-resources.ts";
import { paramKindShape, paramKindText } from "./param-kind.ts";
import { variableShape } from "./variable.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { checkValidatingPolicy } from "./policy-rules.ts";

export const validationShape = object("api.admissionregistration.v1.Validation", {
  expression: string(1).always(),
  message: string(2),
  reason: string(3).keepZero(),
  messageExpression: string(4),
});
export interface Validation extends Infer<typeof validationShape> {}

export const auditAnnotationShape = object("api.admissionregistration.v1.AuditAnnotation", {
  key: string(1).always(),
  valueExpression: string(2).always(),
});
export interface AuditAnnotation extends Infer<typeof auditAnnotationShape> {}

export const validatingAdmissionPolicySpecShape = object("api.admissionregistration.v1.ValidatingAdmissionPolicySpec", {
  paramKind: of(1, paramKindShape),
  matchConstraints: of(2, matchResourcesShape),
  validations: list(3, validationShape),
  failurePolicy: oneOf(4, ["Ignore", "Fail"]).keepZero().default("Fail"),
  auditAnnotations: list(5, auditAnnotationShape),
  matchConditions: listMap(6, ["name"], matchConditionShape).patchMerge("name"),
  variables: listMap(7, ["name"], variableShape).patchMerge("name"),
});
export interface ValidatingAdmissionPolicySpec extends Infer<typeof validatingAdmissionPolicySpecShape> {}

export const expressionWarningShape = object("api.admissionregistration.v1.ExpressionWarning", {
  fieldRef: string(2).always(),
  warning: string(3).always(),
});
export interface ExpressionWarning extends Infer<typeof expressionWarningShape> {}

export const typeCheckingShape = object("api.admissionregistration.v1.TypeChecking", {
  expressionWarnings: list(1, expressionWarningShape),
});
export interface TypeChecking extends Infer<typeof typeCheckingShape> {}

export const validatingAdmissionPolicyStatusShape = object(
  "api.admissionregistration.v1.ValidatingAdmissionPolicyStatus",
  {
    observedGeneration: int64(1).dropZero(),
    typeChecking: of(2, typeCheckingShape),
    conditions: listMap(3, ["type"], condition),
  },
);
export interface ValidatingAdmissionPolicyStatus extends Infer<typeof validatingAdmissionPolicyStatusShape> {}

export const validatingAdmissionPolicyShape = kind("api.admissionregistration.v1.ValidatingAdmissionPolicy", {
  spec: of(2, validatingAdmissionPolicySpecShape).always().unlisted(),
  status: of(3, validatingAdmissionPolicyStatusShape).always().unlisted(),
});
export interface ValidatingAdmissionPolicy extends Infer<typeof validatingAdmissionPolicyShape> {}

export const validatingAdmissionPolicies = resource<ValidatingAdmissionPolicy>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
  categories: ["api-extensions"],
  namespaced: false,
  shape: validatingAdmissionPolicyShape,
  columns: [
    nameColumn,
    integer("Validations", (one) => one.spec.validations?.length ?? 0),
    text("ParamKind", (one) => paramKindText(one.spec.paramKind)),
    ageColumn,
  ],
  check: checkValidatingPolicy,
});
