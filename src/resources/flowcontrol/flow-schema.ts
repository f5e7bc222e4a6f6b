/** FlowSchema of flowcontrol.apiserver.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, int32, list, listMap, object, of, set, str, string, time, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { checkFlowSchema } from "./flow-control-rules.ts";

export const priorityLevelConfigurationReferenceShape = object(
  "api.flowcontrol.v1.PriorityLevelConfigurationReference",
  {
    name: string(1).always(),
  },
);
export interface PriorityLevelConfigurationReference extends Infer<typeof priorityLevelConfigurationReferenceShape> {}

export const flowDistinguisherMethodShape = object("api.flowcontrol.v1.FlowDistinguisherMethod", {
  type: string(1).always(),
});
export interface FlowDistinguisherMethod extends Infer<typeof flowDistinguisherMethodShape> {}

export const userSubjectShape = object("api.flowcontrol.v1.UserSubject", {
  name: string(1).always(),
});
export interface UserSubject extends Infer<typeof userSubjectShape> {}

export const groupSubjectShape = object("api.flowcontrol.v1.GroupSubject", {
  name: string(1).always(),
});
export interface GroupSubject extends Infer<typeof groupSubjectShape> {}

export const serviceAccountSubjectShape = object("api.flowcontrol.v1.ServiceAccountSubject", {
  namespace: string(1).always(),
  name: string(2).always(),
});
export interface ServiceAccountSubject extends Infer<typeof serviceAccountSubjectShape> {}

export const subjectShape = object("api.flowcontrol.v1.Subject", {
  kind: string(1).always(),
  user: of(2, userSubjectShape),
  group: of(3, groupSubjectShape),
  serviceAccount: of(4, serviceAccountSubjectShape),
});
export interface Subject extends Infer<typeof subjectShape> {}

export const resourcePolicyRuleShape = object("api.flowcontrol.v1.ResourcePolicyRule", {
  verbs: set(1, str).always(),
  apiGroups: set(2, str).always(),
  resources: set(3, str).always(),
  clusterScope: bool(4).dropZero(),
  namespaces: set(5, str).always().unlisted(),
});
export interface ResourcePolicyRule extends Infer<typeof resourcePolicyRuleShape> {}

export const nonResourcePolicyRuleShape = object("api.flowcontrol.v1.NonResourcePolicyRule", {
  verbs: set(1, str).always(),
  nonResourceURLs: set(6, str).always(),
});
export interface NonResourcePolicyRule extends Infer<typeof nonResourcePolicyRuleShape> {}

export const policyRulesWithSubjectsShape = object("api.flowcontrol.v1.PolicyRulesWithSubjects", {
  subjects: list(1, subjectShape).always(),
  resourceRules: list(2, resourcePolicyRuleShape),
  nonResourceRules: list(3, nonResourcePolicyRuleShape),
});
export interface PolicyRulesWithSubjects extends Infer<typeof policyRulesWithSubjectsShape> {}

export const flowSchemaSpecShape = object("api.flowcontrol.v1.FlowSchemaSpec", {
  priorityLevelConfiguration: of(1, priorityLevelConfigurationReferenceShape).always(),
  matchingPrecedence: int32(2).always().unlisted().default(1000),
  distinguisherMethod: of(3, flowDistinguisherMethodShape),
  rules: list(4, policyRulesWithSubjectsShape),
});
export interface FlowSchemaSpec extends Infer<typeof flowSchemaSpecShape> {}

export const flowSchemaConditionShape = object("api.flowcontrol.v1.FlowSchemaCondition", {
  type: string(1),
  status: string(2),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface FlowSchemaCondition extends Infer<typeof flowSchemaConditionShape> {}

export const flowSchemaStatusShape = object("api.flowcontrol.v1.FlowSchemaStatus", {
  conditions: listMap(1, ["type"], flowSchemaConditionShape).patchMerge("type"),
});
export interface FlowSchemaStatus extends Infer<typeof flowSchemaStatusShape> {}

export const flowSchemaShape = kind("api.flowcontrol.v1.FlowSchema", {
  spec: of(2, flowSchemaSpecShape).always().unlisted(),
  status: of(3, flowSchemaStatusShape).always().unlisted(),
});
export interface FlowSchema extends Infer<typeof flowSchemaShape> {}

export const flowSchemas = resource<FlowSchema>({
  group: "flowcontrol.apiserver.k8s.io",
  version: "v1",
  kind: "FlowSchema",
  plural: "flowschemas",
  namespaced: false,
  shape: flowSchemaShape,
  columns: [
    nameColumn,
    text("PriorityLevel", (one) => one.spec.priorityLevelConfiguration.name),
    integer("MatchingPrecedence", (one) => one.spec.matchingPrecedence),
    text("DistinguisherMethod", (one) => one.spec.distinguisherMethod?.type ?? "<none>"),
    ageColumn,
    text("MissingPL", (one) => one.status.conditions?.find(({ type }) => type === "Dangling")?.status ?? "?"),
  ],
  check: checkFlowSchema,
});
