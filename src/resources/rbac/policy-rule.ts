/** Policy rule: messages that kinds of rbac/v1 are made of. */
import { list, object, str, type Infer } from "#machinery/shape.ts";

export const policyRuleShape = object("api.rbac.v1.PolicyRule", {
  verbs: list(1, str).always(),
  apiGroups: list(2, str),
  resources: list(3, str),
  resourceNames: list(4, str),
  nonResourceURLs: list(5, str),
});
export interface PolicyRule extends Infer<typeof policyRuleShape> {}
