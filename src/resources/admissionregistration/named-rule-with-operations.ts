/** Named rule with operations: messages that kinds of admissionregistration/v1 are made of. */
import { atomicObject, inline, list, str, type Infer } from "#machinery/shape.ts";
import { ruleWithOperationsShape } from "./rule-with-operations.ts";

export const namedRuleWithOperationsShape = atomicObject("api.admissionregistration.v1.NamedRuleWithOperations", {
  resourceNames: list(1, str),
  ruleWithOperations: inline(2, ruleWithOperationsShape),
});
export interface NamedRuleWithOperations extends Infer<typeof namedRuleWithOperationsShape> {}
