/** Job spec: messages that kinds of batch/v1 are made of. */
import { labelSelector } from "#machinery/meta.ts";
import { bool, int32, int64, object, of, oneOf, string, type Infer } from "#machinery/shape.ts";
import { podTemplateSpecShape } from "../core/pod-spec.ts";
import { podFailurePolicyShape } from "./pod-failure-policy.ts";
import { successPolicyShape } from "./success-policy.ts";

export const jobSpecShape = object("api.batch.v1.JobSpec", {
  parallelism: int32(1),
  completions: int32(2),
  activeDeadlineSeconds: int64(3),
  podFailurePolicy: of(11, podFailurePolicyShape),
  successPolicy: of(16, successPolicyShape),
  backoffLimit: int32(7),
  backoffLimitPerIndex: int32(12),
  maxFailedIndexes: int32(13),
  selector: of(4, labelSelector),
  manualSelector: bool(5).default(false),
  template: of(6, podTemplateSpecShape).always(),
  ttlSecondsAfterFinished: int32(8),
  completionMode: oneOf(9, ["NonIndexed", "Indexed"]).keepZero().default("NonIndexed"),
  suspend: bool(10).default(false),
  podReplacementPolicy: oneOf(14, ["TerminatingOrFailed", "Failed"]).keepZero(),
  managedBy: string(15).keepZero(),
});
export interface JobSpec extends Infer<typeof jobSpecShape> {}
