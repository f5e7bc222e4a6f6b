/** Rules of admission policies and their bindings. What their CEL says is looked at where it is compiled. */
import { child, forbidden, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { dnsSubdomain, pathSegment } from "#machinery/names.ts";
import { checked, checkSelector } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { MatchResources } from "./match-resources.ts";
import type { MutatingAdmissionPolicyBinding } from "./mutating-admission-policy-binding.ts";
import type { MutatingAdmissionPolicy } from "./mutating-admission-policy.ts";
import type { ParamKind } from "./param-kind.ts";
import type { ParamRef } from "./param-ref.ts";
import type { ValidatingAdmissionPolicyBinding } from "./validating-admission-policy-binding.ts";
import type { ValidatingAdmissionPolicy } from "./validating-admission-policy.ts";
import { checkHookRule } from "./webhook-rules.ts";

function checkMatch(path: string, match: MatchResources | undefined, rulesNeeded: boolean): FieldError[] {
  if (!match) return rulesNeeded ? [required(path)] : [];
  const errors = [
    ...checkSelector(child(path, "namespaceSelector"), match.namespaceSelector),
    ...checkSelector(child(path, "objectSelector"), match.objectSelector),
    ...each(child(path, "resourceRules"), match.resourceRules, checkHookRule),
    ...each(child(path, "excludeResourceRules"), match.excludeResourceRules, checkHookRule),
  ];
  if (rulesNeeded && !match.resourceRules) errors.push(required(child(path, "resourceRules")));
  return errors;
}

function checkParamKind(kind: ParamKind | undefined): FieldError[] {
  if (!kind) return [];
  const errors: FieldError[] = [];
  if (!kind.apiVersion) errors.push(required("spec.paramKind.apiVersion"));
  if (!kind.kind) errors.push(required("spec.paramKind.kind"));
  return errors;
}

export function checkValidatingPolicy(
  { spec }: ValidatingAdmissionPolicy,
  { subresource }: CheckContext<ValidatingAdmissionPolicy>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  const { paramKind, matchConstraints, validations = [], auditAnnotations = [] } = spec;
  const errors = [...checkParamKind(paramKind), ...checkMatch("spec.matchConstraints", matchConstraints, true)];
  if (validations.length + auditAnnotations.length === 0) {
    errors.push(required("spec.validations", "validations or auditAnnotations must contain at least one item"));
    errors.push(required("spec.auditAnnotations", "validations or auditAnnotations must contain at least one item"));
  }
  return [
    ...errors,
    ...each("spec.validations", validations, (path, { expression }) =>
      expression.trim() === "" ? [required(child(path, "expression"), "expression is not specified")] : [],
    ),
    ...each("spec.auditAnnotations", auditAnnotations, (path, { key, valueExpression }) => [
      ...(key === "" ? [required(child(path, "key"))] : []),
      ...(valueExpression.trim() === "" ? [required(child(path, "valueExpression"))] : []),
    ]),
  ];
}

export function checkMutatingPolicy({ spec }: MutatingAdmissionPolicy): readonly FieldError[] {
  const { paramKind, matchConstraints, mutations = [] } = spec;
  const errors = [...checkParamKind(paramKind), ...checkMatch("spec.matchConstraints", matchConstraints, true)];
  if (mutations.length === 0) errors.push(required("spec.mutations", "mutations must contain at least one item"));
  return [
    ...errors,
    ...each("spec.mutations", mutations, (path, { patchType, applyConfiguration, jsonPatch }) => {
      const name = patchType === "JSONPatch" ? "jsonPatch" : "applyConfiguration";
      const own = patchType === "JSONPatch" ? jsonPatch : applyConfiguration;
      if (!own?.expression) return [required(`${path}.${name}.expression`)];
      return [];
    }),
  ];
}

function checkParamRef(ref: ParamRef | undefined): FieldError[] {
  if (!ref) return [];
  const path = "spec.paramRef";
  const errors: FieldError[] = [];
  if (ref.name) errors.push(...checked(child(path, "name"), ref.name, pathSegment));
  if (ref.name && ref.selector) errors.push(forbidden(child(path, "name"), "name and selector are mutually exclusive"));
  if (!ref.name && !ref.selector) errors.push(required(path, "one of name or selector must be specified"));
  if (!ref.parameterNotFoundAction) errors.push(required(child(path, "parameterNotFoundAction")));
  return errors;
}

export function checkPolicyBinding({
  spec,
}: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): readonly FieldError[] {
  const { policyName, paramRef, matchResources } = spec;
  const actions = "validationActions" in spec ? spec.validationActions : [];
  const errors = [
    ...(policyName ? checked("spec.policyName", policyName, dnsSubdomain) : []),
    ...checkParamRef(paramRef),
    ...checkMatch("spec.matchResources", matchResources, false),
  ];
  if (actions.includes("Deny") && actions.includes("Warn"))
    errors.push(
      invalid(
        "spec.validationActions",
        actions,
        "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
      ),
    );
  return errors;
}
