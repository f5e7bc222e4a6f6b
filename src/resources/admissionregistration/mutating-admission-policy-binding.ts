/** MutatingAdmissionPolicyBinding of admissionregistration.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, string, type Infer } from "#machinery/shape.ts";
import { matchResourcesShape } from "./match-resources.ts";
import { paramRefShape, paramRefText } from "./param-ref.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkPolicyBinding } from "./policy-rules.ts";

export const mutatingAdmissionPolicyBindingSpecShape = object(
  "api.admissionregistration.v1.MutatingAdmissionPolicyBindingSpec",
  {
    policyName: string(1),
    paramRef: of(2, paramRefShape),
    matchResources: of(3, matchResourcesShape),
  },
);
export interface MutatingAdmissionPolicyBindingSpec extends Infer<typeof mutatingAdmissionPolicyBindingSpecShape> {}

export const mutatingAdmissionPolicyBindingShape = kind("api.admissionregistration.v1.MutatingAdmissionPolicyBinding", {
  spec: of(2, mutatingAdmissionPolicyBindingSpecShape).always().unlisted(),
});
export interface MutatingAdmissionPolicyBinding extends Infer<typeof mutatingAdmissionPolicyBindingShape> {}

export const mutatingAdmissionPolicyBindings = resource<MutatingAdmissionPolicyBinding>({
  group: "admissionregistration.k8s.io",
  version: "v1",
  kind: "MutatingAdmissionPolicyBinding",
  plural: "mutatingadmissionpolicybindings",
  categories: ["api-extensions"],
  namespaced: false,
  shape: mutatingAdmissionPolicyBindingShape,
  columns: [
    nameColumn,
    text("PolicyName", (one) => one.spec.policyName ?? ""),
    text("ParamRef", (one) => paramRefText(one.spec.paramRef)),
    ageColumn,
  ],
  check: checkPolicyBinding,
});
