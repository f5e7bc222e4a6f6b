/** Rules of stateful sets, daemon sets and controller revisions. */
import { forbidden, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { checkImmutable } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { nonNegative } from "#machinery/rule.ts";
import { checkTemplate } from "../core/pod-rules.ts";
import type { PodTemplateSpec } from "../core/pod-spec.ts";
import type { ControllerRevision } from "./controller-revision.ts";
import type { DaemonSet, DaemonSetUpdateStrategy } from "./daemon-set.ts";
import { checkCounts } from "./deployment-rules.ts";
import type { StatefulSet, StatefulSetSpec } from "./stateful-set.ts";
import { checkAtMostWhole, checkEndless, checkShare, checkWorkloadSelector, shareValue } from "./workload-rules.ts";

function checkRolling(path: string, { type, rollingUpdate }: DaemonSetUpdateStrategy): FieldError[] {
  if (type !== "RollingUpdate") return [];
  const where = `${path}.rollingUpdate`;
  if (!rollingUpdate) return [required(where)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...checkShare(`${where}.maxUnavailable`, maxUnavailable),
    ...checkShare(`${where}.maxSurge`, maxSurge),
    ...checkAtMostWhole(`${where}.maxUnavailable`, maxUnavailable),
    ...checkAtMostWhole(`${where}.maxSurge`, maxSurge),
  ];
  const [down, surge] = [shareValue(maxUnavailable), shareValue(maxSurge)];
  if (down !== 0 && surge !== 0)
    errors.push(invalid(`${where}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"));
  if (down === 0 && surge === 0) errors.push(required(`${where}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
  return errors;
}

const daemonCounts = [
  "currentNumberScheduled",
  "numberMisscheduled",
  "desiredNumberScheduled",
  "numberReady",
  "observedGeneration",
  "updatedNumberScheduled",
  "numberAvailable",
  "numberUnavailable",
] as const;

export function checkDaemonSet({ spec, status }: DaemonSet, context: CheckContext<DaemonSet>): readonly FieldError[] {
  const { old, subresource } = context;
  if (subresource === "status") return daemonCounts.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  return [
    ...checkWorkloadSelector("spec", spec, "empty selector is invalid for daemonset"),
    ...checkTemplate("spec.template", spec.template),
    ...checkEndless("spec", spec.template, "DaemonSet"),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
    ...checkRolling("spec.updateStrategy", spec.updateStrategy),
    ...(old ? checkImmutable("spec.selector", spec.selector, old.spec.selector) : []),
  ];
}

/** Its containers may mount the claims that each pod gets. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const claimed = volumeClaimTemplates.map(({ metadata: { name = "" } }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  const names = new Set(claimed.map(({ name }) => name));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...claimed] } };
}

function checkUpdateStrategy({ updateStrategy }: StatefulSetSpec): FieldError[] {
  const { type, rollingUpdate } = updateStrategy;
  const where = "spec.updateStrategy.rollingUpdate";
  if (type === "OnDelete")
    return rollingUpdate ? [invalid(where, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")] : [];
  const errors = [
    ...nonNegative(`${where}.partition`, rollingUpdate?.partition),
    ...checkShare(`${where}.maxUnavailable`, rollingUpdate?.maxUnavailable),
    ...checkAtMostWhole(`${where}.maxUnavailable`, rollingUpdate?.maxUnavailable),
  ];
  if (rollingUpdate?.maxUnavailable !== undefined && shareValue(rollingUpdate.maxUnavailable) === 0)
    errors.push(invalid(`${where}.maxUnavailable`, rollingUpdate.maxUnavailable, "cannot be 0"));
  return errors;
}

function checkRetention({ persistentVolumeClaimRetentionPolicy: policy }: StatefulSetSpec): FieldError[] {
  const allowed = ["Retain", "Delete"];
  return (["whenDeleted", "whenScaled"] as const).flatMap((name) =>
    allowed.includes(policy?.[name] ?? "Retain")
      ? []
      : [notSupported(`spec.persistentVolumeClaimRetentionPolicy.${name}`, policy?.[name], allowed)],
  );
}

const changeable = [
  "replicas",
  "ordinals",
  "template",
  "updateStrategy",
  "revisionHistoryLimit",
  "persistentVolumeClaimRetentionPolicy",
  "minReadySeconds",
] as const;

function unchangeable(spec: StatefulSetSpec): object {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !changeable.some((other) => other === name)));
}

export function checkStatefulSet(set: StatefulSet, context: CheckContext<StatefulSet>): readonly FieldError[] {
  const { spec, status } = set;
  const { old, subresource } = context;
  if (subresource === "status") {
    const { currentReplicas, updatedReplicas } = status;
    return checkCounts(status, { currentReplicas, updatedReplicas });
  }
  const errors = [
    ...nonNegative("spec.replicas", spec.replicas),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
    ...nonNegative("spec.ordinals.start", spec.ordinals?.start),
    ...checkUpdateStrategy(spec),
    ...checkRetention(spec),
    ...checkWorkloadSelector("spec", spec, "empty selector is invalid for statefulset"),
    ...checkEndless("spec", spec.template, "StatefulSet"),
  ];
  if (!old || !deepEqual(spec.template, old.spec.template))
    errors.push(...checkTemplate("spec.template", withClaims(spec)));
  if (old && !deepEqual(unchangeable(spec), unchangeable(old.spec)))
    errors.push(
      forbidden(
        "spec",
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      ),
    );
  return errors;
}

export function checkControllerRevision(
  revision: ControllerRevision,
  { old }: CheckContext<ControllerRevision>,
): readonly FieldError[] {
  return [
    ...(revision.data === undefined ? [required("data", "data is mandatory")] : []),
    ...nonNegative("revision", revision.revision),
    ...(old ? checkImmutable("data", revision.data, old.data) : []),
  ];
}
