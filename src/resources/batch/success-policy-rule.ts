/** Success policy rule: messages that kinds of batch/v1 are made of. */
import { int32, object, string, type Infer } from "#machinery/shape.ts";

export const successPolicyRuleShape = object("api.batch.v1.SuccessPolicyRule", {
  succeededIndexes: string(1).keepZero(),
  succeededCount: int32(2),
});
export interface SuccessPolicyRule extends Infer<typeof successPolicyRuleShape> {}
