/** Pod failure policy on exit codes requirement: messages that kinds of batch/v1 are made of. */
import { i32, object, oneOf, set, string, type Infer } from "#machinery/shape.ts";

export const podFailurePolicyOnExitCodesRequirementShape = object(
  "api.batch.v1.PodFailurePolicyOnExitCodesRequirement",
  {
    containerName: string(1).keepZero(),
    operator: oneOf(2, ["In", "NotIn"]).always(),
    values: set(3, i32).always(),
  },
);
export interface PodFailurePolicyOnExitCodesRequirement extends Infer<
  typeof podFailurePolicyOnExitCodesRequirementShape
> {}
