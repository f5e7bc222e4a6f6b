/** Rule with operations: messages that kinds of admissionregistration/v1 are made of. */
import { enumShape, inline, list, object, type Infer } from "#machinery/shape.ts";
import { ruleShape } from "./rule.ts";

export const ruleWithOperationsShape = object("api.admissionregistration.v1.RuleWithOperations", {
  operations: list(1, enumShape(["*", "CREATE", "UPDATE", "DELETE", "CONNECT"])),
  rule: inline(2, ruleShape),
});
export interface RuleWithOperations extends Infer<typeof ruleWithOperationsShape> {}
