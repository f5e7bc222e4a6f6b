/** Container: messages that kinds of core/v1 are made of. */
import {
  bool,
  i32,
  inline,
  int32,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  quantityText,
  set,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { envFromSourceShape, envVarShape } from "./environment.ts";
import { lifecycleShape, probeShape } from "./probe.ts";
import { securityContextShape } from "./security.ts";

export const containerPortShape = object("api.core.v1.ContainerPort", {
  name: string(1),
  hostPort: int32(2).dropZero(),
  containerPort: int32(3).always(),
  protocol: oneOf(4, ["TCP", "UDP", "SCTP"]).default("TCP"),
  hostIP: string(5),
});
export interface ContainerPort extends Infer<typeof containerPortShape> {}

export const resourceClaimShape = object("api.core.v1.ResourceClaim", {
  name: string(1).always(),
  request: string(2),
});
export interface ResourceClaim extends Infer<typeof resourceClaimShape> {}

export const resourceRequirementsShape = object("api.core.v1.ResourceRequirements", {
  limits: map(1, quantityText),
  requests: map(2, quantityText),
  claims: listMap(3, ["name"], resourceClaimShape),
});
export interface ResourceRequirements extends Infer<typeof resourceRequirementsShape> {}

export const containerResizePolicyShape = object("api.core.v1.ContainerResizePolicy", {
  resourceName: string(1).always(),
  restartPolicy: string(2).always(),
});
export interface ContainerResizePolicy extends Infer<typeof containerResizePolicyShape> {}

export const containerRestartRuleOnExitCodesShape = object("api.core.v1.ContainerRestartRuleOnExitCodes", {
  operator: string(1).required(),
  values: set(2, i32),
});
export interface ContainerRestartRuleOnExitCodes extends Infer<typeof containerRestartRuleOnExitCodesShape> {}

export const containerRestartRuleShape = object("api.core.v1.ContainerRestartRule", {
  action: string(1).required(),
  exitCodes: of(2, containerRestartRuleOnExitCodesShape),
});
export interface ContainerRestartRule extends Infer<typeof containerRestartRuleShape> {}

export const volumeMountShape = object("api.core.v1.VolumeMount", {
  name: string(1).always(),
  readOnly: bool(2).dropZero(),
  recursiveReadOnly: string(7).keepZero(),
  mountPath: string(3).always(),
  subPath: string(4),
  mountPropagation: oneOf(5, ["None", "HostToContainer", "Bidirectional"]).keepZero(),
  subPathExpr: string(6),
});
export interface VolumeMount extends Infer<typeof volumeMountShape> {}

export const volumeDeviceShape = object("api.core.v1.VolumeDevice", {
  name: string(1).always(),
  devicePath: string(2).always(),
});
export interface VolumeDevice extends Infer<typeof volumeDeviceShape> {}

export const containerShape = object("api.core.v1.Container", {
  name: string(1).always(),
  image: string(2),
  command: list(3, str),
  args: list(4, str),
  workingDir: string(5),
  ports: listMap(6, ["containerPort", "protocol"], containerPortShape).patchMerge("containerPort"),
  envFrom: list(19, envFromSourceShape),
  env: listMap(7, ["name"], envVarShape).patchMerge("name"),
  resources: of(8, resourceRequirementsShape).always().unlisted(),
  resizePolicy: list(23, containerResizePolicyShape),
  restartPolicy: string(24).keepZero(),
  restartPolicyRules: list(25, containerRestartRuleShape),
  volumeMounts: listMap(9, ["mountPath"], volumeMountShape).patchMerge("mountPath"),
  volumeDevices: listMap(21, ["devicePath"], volumeDeviceShape).patchMerge("devicePath"),
  livenessProbe: of(10, probeShape),
  readinessProbe: of(11, probeShape),
  startupProbe: of(22, probeShape),
  lifecycle: of(12, lifecycleShape),
  terminationMessagePath: string(13).default("/dev/termination-log"),
  terminationMessagePolicy: oneOf(20, ["File", "FallbackToLogsOnError"]).default("File"),
  imagePullPolicy: oneOf(14, ["Always", "Never", "IfNotPresent"]),
  securityContext: of(15, securityContextShape),
  stdin: bool(16).dropZero(),
  stdinOnce: bool(17).dropZero(),
  tty: bool(18).dropZero(),
});
export interface Container extends Infer<typeof containerShape> {}

export const ephemeralContainerCommonShape = object("api.core.v1.EphemeralContainerCommon", {
  name: string(1).always(),
  image: string(2),
  command: list(3, str),
  args: list(4, str),
  workingDir: string(5),
  ports: listMap(6, ["containerPort", "protocol"], containerPortShape).patchMerge("containerPort"),
  envFrom: list(19, envFromSourceShape),
  env: listMap(7, ["name"], envVarShape).patchMerge("name"),
  resources: of(8, resourceRequirementsShape).always().unlisted(),
  resizePolicy: list(23, containerResizePolicyShape),
  restartPolicy: string(24).keepZero(),
  restartPolicyRules: list(25, containerRestartRuleShape),
  volumeMounts: listMap(9, ["mountPath"], volumeMountShape).patchMerge("mountPath"),
  volumeDevices: listMap(21, ["devicePath"], volumeDeviceShape).patchMerge("devicePath"),
  livenessProbe: of(10, probeShape),
  readinessProbe: of(11, probeShape),
  startupProbe: of(22, probeShape),
  lifecycle: of(12, lifecycleShape),
  terminationMessagePath: string(13).default("/dev/termination-log"),
  terminationMessagePolicy: oneOf(20, ["File", "FallbackToLogsOnError"]).default("File"),
  imagePullPolicy: oneOf(14, ["Always", "Never", "IfNotPresent"]),
  securityContext: of(15, securityContextShape),
  stdin: bool(16).dropZero(),
  stdinOnce: bool(17).dropZero(),
  tty: bool(18).dropZero(),
});
export interface EphemeralContainerCommon extends Infer<typeof ephemeralContainerCommonShape> {}

export const ephemeralContainerShape = object("api.core.v1.EphemeralContainer", {
  ephemeralContainerCommon: inline(1, ephemeralContainerCommonShape),
  targetContainerName: string(2),
});
export interface EphemeralContainer extends Infer<typeof ephemeralContainerShape> {}
