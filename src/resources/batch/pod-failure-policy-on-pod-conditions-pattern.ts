/** Pod failure policy on pod conditions pattern: messages that kinds of batch/v1 are made of. */
import { object, string, type Infer } from "#machinery/shape.ts";

export const podFailurePolicyOnPodConditionsPatternShape = object(
  "api.batch.v1.PodFailurePolicyOnPodConditionsPattern",
  {
    type: string(1).always(),
    status: string(2).always().unlisted().default("True"),
  },
);
export interface PodFailurePolicyOnPodConditionsPattern extends Infer<
  typeof podFailurePolicyOnPodConditionsPatternShape
> {}
