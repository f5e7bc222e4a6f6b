/** Rules of replication controllers. */
import { required, type FieldError } from "#machinery/field-error.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { nonNegative } from "#machinery/rule.ts";
import { checkCounts } from "../apps/deployment-rules.ts";
import { checkEndless, checkSelected } from "../apps/workload-rules.ts";
import { checkTemplate } from "./pod-rules.ts";
import type { ReplicationController } from "./replication-controller.ts";

export function checkReplicationController(
  { spec, status }: ReplicationController,
  { subresource }: CheckContext<ReplicationController>,
): readonly FieldError[] {
  if (subresource === "status") return checkCounts(status, { fullyLabeledReplicas: status.fullyLabeledReplicas });
  const { selector, template } = spec;
  return [
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...nonNegative("spec.replicas", spec.replicas),
    ...(selector ? [] : [required("spec.selector")]),
    ...(selector && template ? checkSelected("spec", { matchLabels: selector }, template) : []),
    ...checkTemplate("spec.template", template),
    ...(template ? checkEndless("spec", template, "ReplicationController") : []),
  ];
}
