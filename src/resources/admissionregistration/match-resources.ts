/** Match resources: messages that kinds of admissionregistration/v1 are made of. */
import { labelSelector } from "#machinery/meta.ts";
import { atomicObject, list, of, oneOf, type Infer } from "#machinery/shape.ts";
import { namedRuleWithOperationsShape } from "./named-rule-with-operations.ts";

export const matchResourcesShape = atomicObject("api.admissionregistration.v1.MatchResources", {
  namespaceSelector: of(1, labelSelector).default({}),
  objectSelector: of(2, labelSelector).default({}),
  resourceRules: list(3, namedRuleWithOperationsShape),
  excludeResourceRules: list(4, namedRuleWithOperationsShape),
  matchPolicy: oneOf(7, ["Exact", "Equivalent"]).keepZero().default("Equivalent"),
});
export interface MatchResources extends Infer<typeof matchResourcesShape> {}
