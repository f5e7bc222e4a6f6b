/** PriorityLevelConfiguration of flowcontrol.apiserver.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, listMap, object, of, string, time, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkPriorityLevel } from "./flow-control-rules.ts";

export const queuingConfigurationShape = object("api.flowcontrol.v1.QueuingConfiguration", {
  queues: int32(1).always().unlisted().default(64),
  handSize: int32(2).always().unlisted().default(8),
  queueLengthLimit: int32(3).always().unlisted().default(50),
});
export interface QueuingConfiguration extends Infer<typeof queuingConfigurationShape> {}

export const limitResponseShape = object("api.flowcontrol.v1.LimitResponse", {
  type: string(1).always(),
  queuing: of(2, queuingConfigurationShape),
});
export interface LimitResponse extends Infer<typeof limitResponseShape> {}

export const limitedPriorityLevelConfigurationShape = object("api.flowcontrol.v1.LimitedPriorityLevelConfiguration", {
  nominalConcurrencyShares: int32(1).default(30),
  limitResponse: of(2, limitResponseShape).always().unlisted(),
  lendablePercent: int32(3).default(0),
  borrowingLimitPercent: int32(4),
});
export interface LimitedPriorityLevelConfiguration extends Infer<typeof limitedPriorityLevelConfigurationShape> {}

export const exemptPriorityLevelConfigurationShape = object("api.flowcontrol.v1.ExemptPriorityLevelConfiguration", {
  nominalConcurrencyShares: int32(1).default(0),
  lendablePercent: int32(2).default(0),
});
export interface ExemptPriorityLevelConfiguration extends Infer<typeof exemptPriorityLevelConfigurationShape> {}

export const priorityLevelConfigurationSpecShape = object("api.flowcontrol.v1.PriorityLevelConfigurationSpec", {
  type: string(1).always(),
  limited: of(2, limitedPriorityLevelConfigurationShape),
  exempt: of(3, exemptPriorityLevelConfigurationShape),
});
export interface PriorityLevelConfigurationSpec extends Infer<typeof priorityLevelConfigurationSpecShape> {}

export const priorityLevelConfigurationConditionShape = object(
  "api.flowcontrol.v1.PriorityLevelConfigurationCondition",
  {
    type: string(1),
    status: string(2),
    lastTransitionTime: time(3),
    reason: string(4),
    message: string(5),
  },
);
export interface PriorityLevelConfigurationCondition extends Infer<typeof priorityLevelConfigurationConditionShape> {}

export const priorityLevelConfigurationStatusShape = object("api.flowcontrol.v1.PriorityLevelConfigurationStatus", {
  conditions: listMap(1, ["type"], priorityLevelConfigurationConditionShape).patchMerge("type"),
});
export interface PriorityLevelConfigurationStatus extends Infer<typeof priorityLevelConfigurationStatusShape> {}

export const priorityLevelConfigurationShape = kind("api.flowcontrol.v1.PriorityLevelConfiguration", {
  spec: of(2, priorityLevelConfigurationSpecShape).always().unlisted(),
  status: of(3, priorityLevelConfigurationStatusShape).always().unlisted(),
});
export interface PriorityLevelConfiguration extends Infer<typeof priorityLevelConfigurationShape> {}

function queuing({ spec }: PriorityLevelConfiguration): QueuingConfiguration | undefined {
  return spec.limited?.limitResponse.queuing;
}

export const priorityLevelConfigurations = resource<PriorityLevelConfiguration>({
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  kind: "PriorityLevelConfiguration",
  plural: "prioritylevelconfigurations",
  namespaced: false,
  shape: priorityLevelConfigurationShape,
  columns: [
    nameColumn,
    text("Type", (one) => one.spec.type),
    text("NominalConcurrencyShares", ({ spec }) => String(spec.limited?.nominalConcurrencyShares ?? "<none>")),
    text("Queues", (one) => String(queuing(one)?.queues ?? "<none>")),
    text("HandSize", (one) => String(queuing(one)?.handSize ?? "<none>")),
    text("QueueLengthLimit", (one) => String(queuing(one)?.queueLengthLimit ?? "<none>")),
    ageColumn,
  ],
  check: checkPriorityLevel,
});
