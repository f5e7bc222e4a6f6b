/** Pod spec: messages that kinds of core/v1 are made of. */
import { labelSelector, objectMeta } from "#machinery/meta.ts";
import {
  atomicMap,
  bool,
  int32,
  int64,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  quantityText,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { affinityShape } from "./affinity.ts";
import { containerShape, ephemeralContainerShape, resourceRequirementsShape } from "./container.ts";
import { localObjectReferenceShape } from "./references.ts";
import { podSecurityContextShape } from "./security.ts";
import { volumeShape } from "./volume.ts";

export const tolerationShape = object("api.core.v1.Toleration", {
  key: string(1),
  operator: oneOf(2, ["Exists", "Equal", "Lt", "Gt"]),
  value: string(3),
  effect: oneOf(4, ["NoSchedule", "PreferNoSchedule", "NoExecute"]),
  tolerationSeconds: int64(5),
});
export interface Toleration extends Infer<typeof tolerationShape> {}

export const hostAliasShape = object("api.core.v1.HostAlias", {
  ip: string(1).always(),
  hostnames: list(2, str),
});
export interface HostAlias extends Infer<typeof hostAliasShape> {}

export const podDNSConfigOptionShape = object("api.core.v1.PodDNSConfigOption", {
  name: string(1),
  value: string(2).keepZero(),
});
export interface PodDNSConfigOption extends Infer<typeof podDNSConfigOptionShape> {}

export const podDNSConfigShape = object("api.core.v1.PodDNSConfig", {
  nameservers: list(1, str),
  searches: list(2, str),
  options: list(3, podDNSConfigOptionShape),
});
export interface PodDNSConfig extends Infer<typeof podDNSConfigShape> {}

export const podReadinessGateShape = object("api.core.v1.PodReadinessGate", {
  conditionType: string(1).always(),
});
export interface PodReadinessGate extends Infer<typeof podReadinessGateShape> {}

export const topologySpreadConstraintShape = object("api.core.v1.TopologySpreadConstraint", {
  maxSkew: int32(1).always(),
  topologyKey: string(2).always(),
  whenUnsatisfiable: oneOf(3, ["DoNotSchedule", "ScheduleAnyway"]).always(),
  labelSelector: of(4, labelSelector),
  minDomains: int32(5),
  nodeAffinityPolicy: oneOf(6, ["Ignore", "Honor"]).keepZero(),
  nodeTaintsPolicy: oneOf(7, ["Ignore", "Honor"]).keepZero(),
  matchLabelKeys: list(8, str),
});
export interface TopologySpreadConstraint extends Infer<typeof topologySpreadConstraintShape> {}

export const podOSShape = object("api.core.v1.PodOS", {
  name: string(1).always(),
});
export interface PodOS extends Infer<typeof podOSShape> {}

export const podSchedulingGateShape = object("api.core.v1.PodSchedulingGate", {
  name: string(1).always(),
});
export interface PodSchedulingGate extends Infer<typeof podSchedulingGateShape> {}

export const podResourceClaimShape = object("api.core.v1.PodResourceClaim", {
  name: string(1).always(),
  resourceClaimName: string(3).keepZero(),
  resourceClaimTemplateName: string(4).keepZero(),
});
export interface PodResourceClaim extends Infer<typeof podResourceClaimShape> {}

export const podSchedulingGroupShape = object("api.core.v1.PodSchedulingGroup", {
  podGroupName: string(1).keepZero(),
});
export interface PodSchedulingGroup extends Infer<typeof podSchedulingGroupShape> {}

export const podSpecShape = object("api.core.v1.PodSpec", {
  volumes: listMap(1, ["name"], volumeShape).patchRule({ strategy: "merge,retainKeys", mergeKey: "name" }),
  initContainers: listMap(20, ["name"], containerShape).patchMerge("name"),
  containers: listMap(2, ["name"], containerShape).patchMerge("name").always(),
  ephemeralContainers: listMap(34, ["name"], ephemeralContainerShape).patchMerge("name"),
  restartPolicy: oneOf(3, ["Always", "OnFailure", "Never"]).default("Always"),
  terminationGracePeriodSeconds: int64(4).default(30),
  activeDeadlineSeconds: int64(5),
  dnsPolicy: oneOf(6, ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]).default("ClusterFirst"),
  nodeSelector: atomicMap(7, str),
  serviceAccountName: string(8),
  serviceAccount: string(9),
  automountServiceAccountToken: bool(21),
  nodeName: string(10),
  hostNetwork: bool(11).dropZero(),
  hostPID: bool(12).dropZero(),
  hostIPC: bool(13).dropZero(),
  shareProcessNamespace: bool(27),
  securityContext: of(14, podSecurityContextShape).default({}),
  imagePullSecrets: listMap(15, ["name"], localObjectReferenceShape).patchMerge("name"),
  hostname: string(16),
  subdomain: string(17),
  affinity: of(18, affinityShape),
  schedulerName: string(19).default("default-scheduler"),
  tolerations: list(22, tolerationShape),
  hostAliases: listMap(23, ["ip"], hostAliasShape).patchMerge("ip"),
  priorityClassName: string(24),
  priority: int32(25),
  dnsConfig: of(26, podDNSConfigShape),
  readinessGates: list(28, podReadinessGateShape),
  runtimeClassName: string(29).keepZero(),
  enableServiceLinks: bool(30),
  preemptionPolicy: oneOf(31, ["PreemptLowerPriority", "Never"]).keepZero(),
  overhead: map(32, quantityText),
  topologySpreadConstraints: listMap(
    33,
    ["topologyKey", "whenUnsatisfiable"],
    topologySpreadConstraintShape,
  ).patchMerge("topologyKey"),
  setHostnameAsFQDN: bool(35),
  os: of(36, podOSShape),
  hostUsers: bool(37),
  schedulingGates: listMap(38, ["name"], podSchedulingGateShape).patchMerge("name"),
  resourceClaims: listMap(39, ["name"], podResourceClaimShape).patchRule({
    strategy: "merge,retainKeys",
    mergeKey: "name",
  }),
  resources: of(40, resourceRequirementsShape),
  hostnameOverride: string(41).keepZero(),
  schedulingGroup: of(43, podSchedulingGroupShape),
});
export interface PodSpec extends Infer<typeof podSpecShape> {}

export const podTemplateSpecShape = object("api.core.v1.PodTemplateSpec", {
  metadata: of(1, objectMeta).always().unlisted(),
  spec: of(2, podSpecShape).always().unlisted(),
});
export interface PodTemplateSpec extends Infer<typeof podTemplateSpecShape> {}
