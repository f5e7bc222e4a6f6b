/** ReplicationController of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { atomicMap, int32, int64, listMap, object, of, str, string, time, type Infer } from "#machinery/shape.ts";
import { podTemplateSpecShape } from "./pod-spec.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { containerImages, containerNames, labelsText } from "../column-texts.ts";
import { defaultTemplate } from "./pod-defaults.ts";
import { type Draft } from "#machinery/meta.ts";
import { checkReplicationController } from "./replication-controller-rules.ts";

export const replicationControllerSpecShape = object("api.core.v1.ReplicationControllerSpec", {
  replicas: int32(1).default(1),
  minReadySeconds: int32(4).dropZero(),
  selector: atomicMap(2, str),
  template: of(3, podTemplateSpecShape),
});
export interface ReplicationControllerSpec extends Infer<typeof replicationControllerSpecShape> {}

export const replicationControllerConditionShape = object("api.core.v1.ReplicationControllerCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface ReplicationControllerCondition extends Infer<typeof replicationControllerConditionShape> {}

export const replicationControllerStatusShape = object("api.core.v1.ReplicationControllerStatus", {
  replicas: int32(1).always(),
  fullyLabeledReplicas: int32(2).dropZero(),
  readyReplicas: int32(4).dropZero(),
  availableReplicas: int32(5).dropZero(),
  observedGeneration: int64(3).dropZero(),
  conditions: listMap(6, ["type"], replicationControllerConditionShape).patchMerge("type"),
});
export interface ReplicationControllerStatus extends Infer<typeof replicationControllerStatusShape> {}

export const replicationControllerShape = kind("api.core.v1.ReplicationController", {
  spec: of(2, replicationControllerSpecShape).always().unlisted(),
  status: of(3, replicationControllerStatusShape).always().unlisted(),
});
export interface ReplicationController extends Infer<typeof replicationControllerShape> {}

function defaultReplicationController({ metadata, spec }: Draft<ReplicationController>): void {
  defaultTemplate(spec.template);
  const labels = spec.template?.metadata.labels;
  if (!labels) return;
  spec.selector ??= { ...labels };
  metadata.labels ??= { ...labels };
}

export const replicationControllers = resource<ReplicationController>({
  group: "",
  version: "v1",
  kind: "ReplicationController",
  plural: "replicationcontrollers",
  shortNames: ["rc"],
  categories: ["all"],
  namespaced: true,
  shape: replicationControllerShape,
  scale: { specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"], selector: ["spec", "selector"] },
  columns: [
    nameColumn,
    integer("Desired", (one) => one.spec.replicas ?? 0),
    integer("Current", (one) => one.status.replicas),
    integer("Ready", (one) => one.status.readyReplicas ?? 0),
    ageColumn,
    text("Containers", (one) => containerNames(one.spec.template?.spec.containers), 1),
    text("Images", (one) => containerImages(one.spec.template?.spec.containers), 1),
    text("Selector", (one) => labelsText(one.spec.selector), 1),
  ],
  defaults: defaultReplicationController,
  selectableFields: {
    "status.replicas": ({ status }) => String(status.replicas),
  },
  check: checkReplicationController,
});
