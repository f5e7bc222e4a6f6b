/** Rules of deployments and replica sets. */
import { forbidden, invalid, type FieldError } from "#machinery/field-error.ts";
import { checkImmutable } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { nonNegative } from "#machinery/rule.ts";
import { checkTemplate } from "../core/pod-rules.ts";
import type { Deployment, DeploymentStrategy } from "./deployment.ts";
import type { ReplicaSet } from "./replica-set.ts";
import { checkAtMostWhole, checkEndless, checkShare, checkWorkloadSelector, shareValue } from "./workload-rules.ts";

function checkStrategy(path: string, { type, rollingUpdate }: DeploymentStrategy): FieldError[] {
  const where = `${path}.rollingUpdate`;
  if (type === "Recreate")
    return rollingUpdate ? [forbidden(where, "may not be specified when strategy `type` is 'Recreate'")] : [];
  if (type !== "RollingUpdate" || !rollingUpdate) return [];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...checkShare(`${where}.maxUnavailable`, maxUnavailable),
    ...checkShare(`${where}.maxSurge`, maxSurge),
  ];
  if (shareValue(maxUnavailable) === 0 && shareValue(maxSurge) === 0)
    errors.push(invalid(`${where}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
  return [...errors, ...checkAtMostWhole(`${where}.maxUnavailable`, maxUnavailable)];
}

interface ReplicaCounts {
  readonly replicas?: number | undefined;
  readonly readyReplicas?: number | undefined;
  readonly availableReplicas?: number | undefined;
}

/** Counts of a status: of all, how many are ready, and of those how many have been for long enough. */
export function checkCounts(status: ReplicaCounts, others: Readonly<Record<string, number | undefined>>): FieldError[] {
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0 } = status;
  const above = "cannot be greater than status.replicas";
  return [
    ...Object.entries({ replicas, readyReplicas, availableReplicas, ...others }).flatMap(([name, value]) =>
      nonNegative(`status.${name}`, value),
    ),
    ...Object.entries({ ...others, readyReplicas, availableReplicas }).flatMap(
      ([name, value]: readonly [string, number | undefined]) =>
        value !== undefined && value > replicas ? [invalid(`status.${name}`, value, above)] : [],
    ),
    ...(availableReplicas > readyReplicas
      ? [invalid("status.availableReplicas", availableReplicas, "cannot be greater than readyReplicas")]
      : []),
  ];
}

export function checkDeployment(
  { spec, status }: Deployment,
  context: CheckContext<Deployment>,
): readonly FieldError[] {
  const { old, subresource } = context;
  if (subresource === "status") return checkCounts(status, { updatedReplicas: status.updatedReplicas });
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec;
  const errors = [
    ...nonNegative("spec.replicas", spec.replicas),
    ...nonNegative("spec.minReadySeconds", minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
    ...nonNegative("spec.progressDeadlineSeconds", progressDeadlineSeconds),
    ...checkWorkloadSelector("spec", spec, "empty selector is invalid for deployment"),
    ...checkTemplate("spec.template", spec.template),
    ...checkEndless("spec", spec.template, "ReplicaSet"),
    ...checkStrategy("spec.strategy", spec.strategy),
    ...(old ? checkImmutable("spec.selector", spec.selector, old.spec.selector) : []),
  ];
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds)
    errors.push(
      invalid("spec.progressDeadlineSeconds", progressDeadlineSeconds, "must be greater than minReadySeconds"),
    );
  return errors;
}

export function checkReplicaSet(
  { spec, status }: ReplicaSet,
  context: CheckContext<ReplicaSet>,
): readonly FieldError[] {
  const { old, subresource } = context;
  if (subresource === "status") return checkCounts(status, { fullyLabeledReplicas: status.fullyLabeledReplicas });
  return [
    ...nonNegative("spec.replicas", spec.replicas),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...checkWorkloadSelector("spec", spec, "empty selector is invalid for deployment"),
    ...checkTemplate("spec.template", spec.template),
    ...checkEndless("spec", spec.template, "ReplicaSet"),
    ...(old ? checkImmutable("spec.selector", spec.selector, old.spec.selector) : []),
  ];
}
