/** Pod failure policy: messages that kinds of batch/v1 are made of. */
import { list, object, type Infer } from "#machinery/shape.ts";
import { podFailurePolicyRuleShape } from "./pod-failure-policy-rule.ts";

export const podFailurePolicyShape = object("api.batch.v1.PodFailurePolicy", {
  rules: list(1, podFailurePolicyRuleShape).always(),
});
export interface PodFailurePolicy extends Infer<typeof podFailurePolicyShape> {}
