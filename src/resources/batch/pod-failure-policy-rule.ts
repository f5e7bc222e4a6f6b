/** Pod failure policy rule: messages that kinds of batch/v1 are made of. */
import { list, object, of, oneOf, type Infer } from "#machinery/shape.ts";
import { podFailurePolicyOnExitCodesRequirementShape } from "./pod-failure-policy-on-exit-codes-requirement.ts";
import { podFailurePolicyOnPodConditionsPatternShape } from "./pod-failure-policy-on-pod-conditions-pattern.ts";

export const podFailurePolicyRuleShape = object("api.batch.v1.PodFailurePolicyRule", {
  action: oneOf(1, ["FailJob", "FailIndex", "Ignore", "Count"]).always(),
  onExitCodes: of(2, podFailurePolicyOnExitCodesRequirementShape),
  onPodConditions: list(3, podFailurePolicyOnPodConditionsPatternShape),
});
export interface PodFailurePolicyRule extends Infer<typeof podFailurePolicyRuleShape> {}
