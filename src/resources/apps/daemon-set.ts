/** DaemonSet of apps/v1. */
import { labelSelector, type Draft } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { int32, int64, intOrString, listMap, object, of, oneOf, string, time, type Infer } from "#machinery/shape.ts";
import { podTemplateSpecShape } from "../core/pod-spec.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { containerImages, containerNames, labelsText, selectorText } from "../column-texts.ts";
import { defaultTemplate } from "../core/pod-defaults.ts";
import { checkDaemonSet } from "./set-rules.ts";

export const rollingUpdateDaemonSetShape = object("api.apps.v1.RollingUpdateDaemonSet", {
  maxUnavailable: intOrString(1),
  maxSurge: intOrString(2),
});
export interface RollingUpdateDaemonSet extends Infer<typeof rollingUpdateDaemonSetShape> {}

export const daemonSetUpdateStrategyShape = object("api.apps.v1.DaemonSetUpdateStrategy", {
  type: oneOf(1, ["RollingUpdate", "OnDelete"]).default("RollingUpdate"),
  rollingUpdate: of(2, rollingUpdateDaemonSetShape),
});
export interface DaemonSetUpdateStrategy extends Infer<typeof daemonSetUpdateStrategyShape> {}

export const daemonSetSpecShape = object("api.apps.v1.DaemonSetSpec", {
  selector: of(1, labelSelector).required(),
  template: of(2, podTemplateSpecShape).always(),
  updateStrategy: of(3, daemonSetUpdateStrategyShape).always().unlisted(),
  minReadySeconds: int32(4).dropZero(),
  revisionHistoryLimit: int32(6).default(10),
});
export interface DaemonSetSpec extends Infer<typeof daemonSetSpecShape> {}

export const daemonSetConditionShape = object("api.apps.v1.DaemonSetCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface DaemonSetCondition extends Infer<typeof daemonSetConditionShape> {}

export const daemonSetStatusShape = object("api.apps.v1.DaemonSetStatus", {
  currentNumberScheduled: int32(1).always(),
  numberMisscheduled: int32(2).always(),
  desiredNumberScheduled: int32(3).always(),
  numberReady: int32(4).always(),
  observedGeneration: int64(5).dropZero(),
  updatedNumberScheduled: int32(6).dropZero(),
  numberAvailable: int32(7).dropZero(),
  numberUnavailable: int32(8).dropZero(),
  collisionCount: int32(9),
  conditions: listMap(10, ["type"], daemonSetConditionShape).patchMerge("type"),
});
export interface DaemonSetStatus extends Infer<typeof daemonSetStatusShape> {}

export const daemonSetShape = kind("api.apps.v1.DaemonSet", {
  spec: of(2, daemonSetSpecShape).always().unlisted(),
  status: of(3, daemonSetStatusShape).always().unlisted(),
});
export interface DaemonSet extends Infer<typeof daemonSetShape> {}

function defaultDaemonSet({ spec }: Draft<DaemonSet>): void {
  defaultTemplate(spec.template);
  if (spec.updateStrategy.type !== "RollingUpdate") return;
  spec.updateStrategy.rollingUpdate ??= {};
  spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
  spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
}

export const daemonSets = resource<DaemonSet>({
  group: "apps",
  version: "v1",
  kind: "DaemonSet",
  plural: "daemonsets",
  shortNames: ["ds"],
  categories: ["all"],
  namespaced: true,
  shape: daemonSetShape,
  columns: [
    nameColumn,
    integer("Desired", (one) => one.status.desiredNumberScheduled),
    integer("Current", (one) => one.status.currentNumberScheduled),
    integer("Ready", (one) => one.status.numberReady),
    integer("Up-to-date", (one) => one.status.updatedNumberScheduled ?? 0),
    integer("Available", (one) => one.status.numberAvailable ?? 0),
    text("Node Selector", (one) => labelsText(one.spec.template.spec.nodeSelector)),
    ageColumn,
    text("Containers", (one) => containerNames(one.spec.template.spec.containers), 1),
    text("Images", (one) => containerImages(one.spec.template.spec.containers), 1),
    text("Selector", (one) => selectorText(one.spec.selector), 1),
  ],
  defaults: defaultDaemonSet,
  check: checkDaemonSet,
});
