/** ReplicaSet of apps/v1. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int32, int64, listMap, object, of, string, time, type Infer } from "#machinery/shape.ts";
import { podTemplateSpecShape } from "../core/pod-spec.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { containerImages, containerNames, selectorText } from "../column-texts.ts";
import { defaultTemplate } from "../core/pod-defaults.ts";
import { checkReplicaSet } from "./deployment-rules.ts";

export const replicaSetSpecShape = object("api.apps.v1.ReplicaSetSpec", {
  replicas: int32(1).default(1),
  minReadySeconds: int32(4).dropZero(),
  selector: of(2, labelSelector).required(),
  template: of(3, podTemplateSpecShape).always().unlisted(),
});
export interface ReplicaSetSpec extends Infer<typeof replicaSetSpecShape> {}

export const replicaSetConditionShape = object("api.apps.v1.ReplicaSetCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface ReplicaSetCondition extends Infer<typeof replicaSetConditionShape> {}

export const replicaSetStatusShape = object("api.apps.v1.ReplicaSetStatus", {
  replicas: int32(1).always(),
  fullyLabeledReplicas: int32(2).dropZero(),
  readyReplicas: int32(4).dropZero(),
  availableReplicas: int32(5).dropZero(),
  terminatingReplicas: int32(7),
  observedGeneration: int64(3).dropZero(),
  conditions: listMap(6, ["type"], replicaSetConditionShape).patchMerge("type"),
});
export interface ReplicaSetStatus extends Infer<typeof replicaSetStatusShape> {}

export const replicaSetShape = kind("api.apps.v1.ReplicaSet", {
  spec: of(2, replicaSetSpecShape).always().unlisted(),
  status: of(3, replicaSetStatusShape).always().unlisted(),
});
export interface ReplicaSet extends Infer<typeof replicaSetShape> {}

export const replicaSets = resource<ReplicaSet>({
  group: "apps",
  version: "v1",
  kind: "ReplicaSet",
  plural: "replicasets",
  shortNames: ["rs"],
  categories: ["all"],
  namespaced: true,
  shape: replicaSetShape,
  scale: { specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"], selector: ["spec", "selector"] },
  columns: [
    nameColumn,
    integer("Desired", (one) => one.spec.replicas ?? 0),
    integer("Current", (one) => one.status.replicas),
    integer("Ready", (one) => one.status.readyReplicas ?? 0),
    ageColumn,
    text("Containers", (one) => containerNames(one.spec.template.spec.containers), 1),
    text("Images", (one) => containerImages(one.spec.template.spec.containers), 1),
    text("Selector", (one) => selectorText(one.spec.selector), 1),
  ],
  defaults: ({ spec }) => defaultTemplate(spec.template),
  selectableFields: {
    "status.replicas": ({ status }) => String(status.replicas),
  },
  check: checkReplicaSet,
});
