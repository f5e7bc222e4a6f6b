/** ValidatingAdmissionPolicyBinding of admissionregistration.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { enumShape, object, of, set, string, type Infer } from "#machinery/shape.ts";
import { matchResourcesShape } from "./match-resources.ts";
import { paramRefShape, paramRefText } from "./param-ref.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkPolicyBinding } from "./policy-rules.ts";

export const validatingAdmissionPolicyBindingSpecShape = object(
  "api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec",
  {
    policyName: string(1).required(),
    paramRef: of(2, paramRefShape),
    matchResources: of(3, matchResourcesShape),
    validationActions: set(4, enumShape(["Deny", "Warn", "Audit"])).required(),
  },
);
export interface ValidatingAdmissionPolicyBindingSpec extends Infer<typeof validatingAdmissionPolicyBindingSpecShape> {}

export const validatingAdmissionPolicyBindingShape = kind(
  "api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
  {
    spec: of(2, validatingAdmissionPolicyBindingSpecShape).always().unlisted(),
  },
);
export interface ValidatingAdmissionPolicyBinding extends Infer<typeof validatingAdmissionPolicyBindingShape> {}

export const validatingAdmissionPolicyBindings = resource<ValidatingAdmissionPolicyBinding>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "ValidatingAdmissionPolicyBinding",
  plural: "validatingadmissionpolicybindings",
  categories: ["api-extensions"],
  namespaced: false,
  shape: validatingAdmissionPolicyBindingShape,
  columns: [
    nameColumn,
    text("PolicyName", (one) => one.spec.policyName ?? ""),
    text("ParamRef", (one) => paramRefText(one.spec.paramRef)),
    ageColumn,
  ],
  check: checkPolicyBinding,
});
