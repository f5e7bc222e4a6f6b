/** Pod status: messages that kinds of core/v1 are made of. */
import {
  bool,
  i64,
  int32,
  int64,
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
  time,
  type Infer,
} from "#machinery/shape.ts";
import { resourceRequirementsShape } from "./container.ts";

export const podConditionShape = object("api.core.v1.PodCondition", {
  type: string(1).always(),
  observedGeneration: int64(7).dropZero(),
  status: string(2).always(),
  lastProbeTime: time(3),
  lastTransitionTime: time(4),
  reason: string(5),
  message: string(6),
});
export interface PodCondition extends Infer<typeof podConditionShape> {}

export const hostIPShape = object("api.core.v1.HostIP", {
  ip: string(1).always(),
});
export interface HostIP extends Infer<typeof hostIPShape> {}

export const podIPShape = object("api.core.v1.PodIP", {
  ip: string(1).always(),
});
export interface PodIP extends Infer<typeof podIPShape> {}

export const containerStateWaitingShape = object("api.core.v1.ContainerStateWaiting", {
  reason: string(1),
  message: string(2),
});
export interface ContainerStateWaiting extends Infer<typeof containerStateWaitingShape> {}

export const containerStateRunningShape = object("api.core.v1.ContainerStateRunning", {
  startedAt: time(1),
});
export interface ContainerStateRunning extends Infer<typeof containerStateRunningShape> {}

export const containerStateTerminatedShape = object("api.core.v1.ContainerStateTerminated", {
  exitCode: int32(1).always(),
  signal: int32(2).dropZero(),
  reason: string(3),
  message: string(4),
  startedAt: time(5),
  finishedAt: time(6),
  containerID: string(7),
});
export interface ContainerStateTerminated extends Infer<typeof containerStateTerminatedShape> {}

export const containerStateShape = object("api.core.v1.ContainerState", {
  waiting: of(1, containerStateWaitingShape),
  running: of(2, containerStateRunningShape),
  terminated: of(3, containerStateTerminatedShape),
});
export interface ContainerState extends Infer<typeof containerStateShape> {}

export const imageVolumeStatusShape = object("api.core.v1.ImageVolumeStatus", {
  imageRef: string(1).required(),
});
export interface ImageVolumeStatus extends Infer<typeof imageVolumeStatusShape> {}

export const volumeStatusShape = object("api.core.v1.VolumeStatus", {
  image: of(1, imageVolumeStatusShape),
});
export interface VolumeStatus extends Infer<typeof volumeStatusShape> {}

export const volumeMountStatusShape = object("api.core.v1.VolumeMountStatus", {
  name: string(1).always(),
  mountPath: string(2).always(),
  readOnly: bool(3).dropZero(),
  recursiveReadOnly: string(4).keepZero(),
  volumeStatus: of(5, volumeStatusShape),
});
export interface VolumeMountStatus extends Infer<typeof volumeMountStatusShape> {}

export const linuxContainerUserShape = object("api.core.v1.LinuxContainerUser", {
  uid: int64(1).always(),
  gid: int64(2).always(),
  supplementalGroups: list(3, i64),
});
export interface LinuxContainerUser extends Infer<typeof linuxContainerUserShape> {}

export const containerUserShape = object("api.core.v1.ContainerUser", {
  linux: of(1, linuxContainerUserShape),
});
export interface ContainerUser extends Infer<typeof containerUserShape> {}

export const resourceHealthShape = object("api.core.v1.ResourceHealth", {
  resourceID: string(1).always(),
  health: string(2),
  message: string(6).keepZero(),
});
export interface ResourceHealth extends Infer<typeof resourceHealthShape> {}

export const resourceStatusShape = object("api.core.v1.ResourceStatus", {
  name: string(1).always(),
  resources: listMap(2, ["resourceID"], resourceHealthShape),
});
export interface ResourceStatus extends Infer<typeof resourceStatusShape> {}

export const containerStatusShape = object("api.core.v1.ContainerStatus", {
  name: string(1).always(),
  state: of(2, containerStateShape).always().unlisted(),
  lastState: of(3, containerStateShape).always().unlisted(),
  ready: bool(4).always(),
  restartCount: int32(5).always(),
  image: string(6).always(),
  imageID: string(7).always(),
  containerID: string(8),
  started: bool(9),
  allocatedResources: map(10, quantityText),
  resources: of(11, resourceRequirementsShape),
  volumeMounts: listMap(12, ["mountPath"], volumeMountStatusShape).patchMerge("mountPath"),
  user: of(13, containerUserShape),
  allocatedResourcesStatus: listMap(14, ["name"], resourceStatusShape).patchMerge("name"),
  stopSignal: oneOf(15, [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGRTMIN",
    "SIGRTMIN+1",
    "SIGRTMIN+2",
    "SIGRTMIN+3",
    "SIGRTMIN+4",
    "SIGRTMIN+5",
    "SIGRTMIN+6",
    "SIGRTMIN+7",
    "SIGRTMIN+8",
    "SIGRTMIN+9",
    "SIGRTMIN+10",
    "SIGRTMIN+11",
    "SIGRTMIN+12",
    "SIGRTMIN+13",
    "SIGRTMIN+14",
    "SIGRTMIN+15",
    "SIGRTMAX-14",
    "SIGRTMAX-13",
    "SIGRTMAX-12",
    "SIGRTMAX-11",
    "SIGRTMAX-10",
    "SIGRTMAX-9",
    "SIGRTMAX-8",
    "SIGRTMAX-7",
    "SIGRTMAX-6",
    "SIGRTMAX-5",
    "SIGRTMAX-4",
    "SIGRTMAX-3",
    "SIGRTMAX-2",
    "SIGRTMAX-1",
    "SIGRTMAX",
  ]),
});
export interface ContainerStatus extends Infer<typeof containerStatusShape> {}

export const podResourceClaimStatusShape = object("api.core.v1.PodResourceClaimStatus", {
  name: string(1).always(),
  resourceClaimName: string(2).keepZero(),
});
export interface PodResourceClaimStatus extends Infer<typeof podResourceClaimStatusShape> {}

export const containerExtendedResourceRequestShape = object("api.core.v1.ContainerExtendedResourceRequest", {
  containerName: string(1).always(),
  resourceName: string(2).always(),
  requestName: string(3).always(),
});
export interface ContainerExtendedResourceRequest extends Infer<typeof containerExtendedResourceRequestShape> {}

export const podExtendedResourceClaimStatusShape = object("api.core.v1.PodExtendedResourceClaimStatus", {
  requestMappings: list(1, containerExtendedResourceRequestShape).always(),
  resourceClaimName: string(2).always(),
});
export interface PodExtendedResourceClaimStatus extends Infer<typeof podExtendedResourceClaimStatusShape> {}

export const nodeAllocatableResourceClaimStatusShape = object("api.core.v1.NodeAllocatableResourceClaimStatus", {
  resourceClaimName: string(1).always(),
  containers: set(2, str),
  resources: map(3, quantityText).always(),
});
export interface NodeAllocatableResourceClaimStatus extends Infer<typeof nodeAllocatableResourceClaimStatusShape> {}

export const podStatusShape = object("api.core.v1.PodStatus", {
  observedGeneration: int64(17).dropZero(),
  phase: oneOf(1, ["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
  conditions: listMap(2, ["type"], podConditionShape).patchMerge("type"),
  message: string(3),
  reason: string(4),
  nominatedNodeName: string(11),
  hostIP: string(5),
  hostIPs: list(16, hostIPShape).patchMerge("ip"),
  podIP: string(6),
  podIPs: listMap(12, ["ip"], podIPShape).patchMerge("ip"),
  startTime: time(7),
  initContainerStatuses: list(10, containerStatusShape),
  containerStatuses: list(8, containerStatusShape),
  qosClass: oneOf(9, ["Guaranteed", "Burstable", "BestEffort"]),
  ephemeralContainerStatuses: list(13, containerStatusShape),
  resize: string(14),
  resourceClaimStatuses: listMap(15, ["name"], podResourceClaimStatusShape).patchRule({
    strategy: "merge,retainKeys",
    mergeKey: "name",
  }),
  extendedResourceClaimStatus: of(18, podExtendedResourceClaimStatusShape),
  allocatedResources: map(19, quantityText),
  resources: of(20, resourceRequirementsShape),
  nodeAllocatableResourceClaimStatuses: list(21, nodeAllocatableResourceClaimStatusShape),
});
export interface PodStatus extends Infer<typeof podStatusShape> {}
