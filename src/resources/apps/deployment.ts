/** Deployment of apps/v1. */
import { labelSelector, type Draft } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import {
  bool,
  int32,
  int64,
  intOrString,
  listMap,
  object,
  of,
  oneOf,
  string,
  time,
  type Infer,
} from "#machinery/shape.ts";
import { podTemplateSpecShape } from "../core/pod-spec.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { bareSelectorText, containerImages, containerNames } from "../column-texts.ts";
import { defaultTemplate } from "../core/pod-defaults.ts";
import { checkDeployment } from "./deployment-rules.ts";

export const rollingUpdateDeploymentShape = object("api.apps.v1.RollingUpdateDeployment", {
  maxUnavailable: intOrString(1),
  maxSurge: intOrString(2),
});
export interface RollingUpdateDeployment extends Infer<typeof rollingUpdateDeploymentShape> {}

export const deploymentStrategyShape = object("api.apps.v1.DeploymentStrategy", {
  type: oneOf(1, ["Recreate", "RollingUpdate"]).default("RollingUpdate"),
  rollingUpdate: of(2, rollingUpdateDeploymentShape),
});
export interface DeploymentStrategy extends Infer<typeof deploymentStrategyShape> {}

export const deploymentSpecShape = object("api.apps.v1.DeploymentSpec", {
  replicas: int32(1).default(1),
  selector: of(2, labelSelector).required(),
  template: of(3, podTemplateSpecShape).always(),
  strategy: of(4, deploymentStrategyShape).patchRule({ strategy: "retainKeys" }).always().unlisted(),
  minReadySeconds: int32(5).dropZero(),
  revisionHistoryLimit: int32(6).default(10),
  paused: bool(7).dropZero(),
  progressDeadlineSeconds: int32(9).default(600),
});
export interface DeploymentSpec extends Infer<typeof deploymentSpecShape> {}

export const deploymentConditionShape = object("api.apps.v1.DeploymentCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastUpdateTime: time(6),
  lastTransitionTime: time(7),
  reason: string(4),
  message: string(5),
});
export interface DeploymentCondition extends Infer<typeof deploymentConditionShape> {}

export const deploymentStatusShape = object("api.apps.v1.DeploymentStatus", {
  observedGeneration: int64(1).dropZero(),
  replicas: int32(2).dropZero(),
  updatedReplicas: int32(3).dropZero(),
  readyReplicas: int32(7).dropZero(),
  availableReplicas: int32(4).dropZero(),
  unavailableReplicas: int32(5).dropZero(),
  terminatingReplicas: int32(9),
  conditions: listMap(6, ["type"], deploymentConditionShape).patchMerge("type"),
  collisionCount: int32(8),
});
export interface DeploymentStatus extends Infer<typeof deploymentStatusShape> {}

export const deploymentShape = kind("api.apps.v1.Deployment", {
  spec: of(2, deploymentSpecShape).always().unlisted(),
  status: of(3, deploymentStatusShape).always().unlisted(),
});
export interface Deployment extends Infer<typeof deploymentShape> {}

function defaultDeployment({ spec }: Draft<Deployment>): void {
  defaultTemplate(spec.template);
  if (spec.strategy.type !== "RollingUpdate") return;
  spec.strategy.rollingUpdate ??= {};
  spec.strategy.rollingUpdate.maxUnavailable ??= "25%";
  spec.strategy.rollingUpdate.maxSurge ??= "25%";
}

export const deployments = resource<Deployment>({
  group: "apps",
  version: "v1",
  kind: "Deployment",
  plural: "deployments",
  shortNames: ["deploy"],
  categories: ["all"],
  namespaced: true,
  shape: deploymentShape,
  scale: { specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"], selector: ["spec", "selector"] },
  columns: [
    nameColumn,
    text("Ready", (one) => `${one.status.readyReplicas ?? 0}/${one.spec.replicas ?? 0}`),
    integer("Up-to-date", (one) => one.status.updatedReplicas ?? 0),
    integer("Available", (one) => one.status.availableReplicas ?? 0),
    ageColumn,
    text("Containers", (one) => containerNames(one.spec.template.spec.containers), 1),
    text("Images", (one) => containerImages(one.spec.template.spec.containers), 1),
    text("Selector", (one) => bareSelectorText(one.spec.selector), 1),
  ],
  defaults: defaultDeployment,
  check: checkDeployment,
});
