/** Success policy: messages that kinds of batch/v1 are made of. */
import { list, object, type Infer } from "#machinery/shape.ts";
import { successPolicyRuleShape } from "./success-policy-rule.ts";

export const successPolicyShape = object("api.batch.v1.SuccessPolicy", {
  rules: list(1, successPolicyRuleShape).always(),
});
export interface SuccessPolicy extends Infer<typeof successPolicyShape> {}
