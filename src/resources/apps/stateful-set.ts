/** StatefulSet of apps/v1. */
import { labelSelector, type Draft } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import {
  int32,
  int64,
  intOrString,
  list,
  listMap,
  object,
  of,
  oneOf,
  string,
  time,
  type Infer,
} from "#machinery/shape.ts";
import { persistentVolumeClaimShape } from "../core/persistent-volume-claim.ts";
import { podTemplateSpecShape } from "../core/pod-spec.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { containerImages, containerNames } from "../column-texts.ts";
import { defaultTemplate } from "../core/pod-defaults.ts";
import { checkStatefulSet } from "./set-rules.ts";

export const rollingUpdateStatefulSetStrategyShape = object("api.apps.v1.RollingUpdateStatefulSetStrategy", {
  partition: int32(1),
  maxUnavailable: intOrString(2),
});
export interface RollingUpdateStatefulSetStrategy extends Infer<typeof rollingUpdateStatefulSetStrategyShape> {}

export const statefulSetUpdateStrategyShape = object("api.apps.v1.StatefulSetUpdateStrategy", {
  type: oneOf(1, ["RollingUpdate", "OnDelete"]),
  rollingUpdate: of(2, rollingUpdateStatefulSetStrategyShape),
});
export interface StatefulSetUpdateStrategy extends Infer<typeof statefulSetUpdateStrategyShape> {}

export const statefulSetPersistentVolumeClaimRetentionPolicyShape = object(
  "api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
  {
    whenDeleted: string(1).default("Retain"),
    whenScaled: string(2).default("Retain"),
  },
);
export interface StatefulSetPersistentVolumeClaimRetentionPolicy extends Infer<
  typeof statefulSetPersistentVolumeClaimRetentionPolicyShape
> {}

export const statefulSetOrdinalsShape = object("api.apps.v1.StatefulSetOrdinals", {
  start: int32(1).always().unlisted(),
});
export interface StatefulSetOrdinals extends Infer<typeof statefulSetOrdinalsShape> {}

export const statefulSetSpecShape = object("api.apps.v1.StatefulSetSpec", {
  replicas: int32(1).default(1),
  selector: of(2, labelSelector).required(),
  template: of(3, podTemplateSpecShape).always(),
  volumeClaimTemplates: list(4, persistentVolumeClaimShape),
  serviceName: string(5).always().unlisted(),
  podManagementPolicy: oneOf(6, ["OrderedReady", "Parallel"]).default("OrderedReady"),
  updateStrategy: of(7, statefulSetUpdateStrategyShape).always().unlisted(),
  revisionHistoryLimit: int32(8).default(10),
  minReadySeconds: int32(9).dropZero(),
  persistentVolumeClaimRetentionPolicy: of(10, statefulSetPersistentVolumeClaimRetentionPolicyShape).default({}),
  ordinals: of(11, statefulSetOrdinalsShape),
});
export interface StatefulSetSpec extends Infer<typeof statefulSetSpecShape> {}

export const statefulSetConditionShape = object("api.apps.v1.StatefulSetCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface StatefulSetCondition extends Infer<typeof statefulSetConditionShape> {}

export const statefulSetStatusShape = object("api.apps.v1.StatefulSetStatus", {
  observedGeneration: int64(1).dropZero(),
  replicas: int32(2).always(),
  readyReplicas: int32(3).dropZero(),
  currentReplicas: int32(4).dropZero(),
  updatedReplicas: int32(5).dropZero(),
  currentRevision: string(6),
  updateRevision: string(7),
  collisionCount: int32(9),
  conditions: listMap(10, ["type"], statefulSetConditionShape).patchMerge("type"),
  availableReplicas: int32(11).always().unlisted(),
});
export interface StatefulSetStatus extends Infer<typeof statefulSetStatusShape> {}

export const statefulSetShape = kind("api.apps.v1.StatefulSet", {
  spec: of(2, statefulSetSpecShape).always().unlisted(),
  status: of(3, statefulSetStatusShape).always().unlisted(),
});
export interface StatefulSet extends Infer<typeof statefulSetShape> {}

function defaultStatefulSet({ spec }: Draft<StatefulSet>): void {
  defaultTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ||= "v1";
    claim.kind ||= "PersistentVolumeClaim";
    claim.status.phase ??= "Pending";
  }
  const { updateStrategy } = spec;
  if (!updateStrategy.type) {
    updateStrategy.type = "RollingUpdate";
    updateStrategy.rollingUpdate ??= {};
  }
  if (updateStrategy.type !== "RollingUpdate" || !updateStrategy.rollingUpdate) return;
  updateStrategy.rollingUpdate.partition ??= 0;
  updateStrategy.rollingUpdate.maxUnavailable ??= 1;
}

export const statefulSets = resource<StatefulSet>({
  group: "apps",
  version: "v1",
  kind: "StatefulSet",
  plural: "statefulsets",
  shortNames: ["sts"],
  categories: ["all"],
  namespaced: true,
  shape: statefulSetShape,
  scale: { specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"], selector: ["spec", "selector"] },
  columns: [
    nameColumn,
    text("Ready", (one) => `${one.status.readyReplicas ?? 0}/${one.spec.replicas ?? 0}`),
    ageColumn,
    text("Containers", (one) => containerNames(one.spec.template.spec.containers), 1),
    text("Images", (one) => containerImages(one.spec.template.spec.containers), 1),
  ],
  defaults: defaultStatefulSet,
  check: checkStatefulSet,
});
