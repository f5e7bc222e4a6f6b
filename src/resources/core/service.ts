/** Service of the core group/v1. */
import { condition } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import {
  atomicMap,
  bool,
  enumShape,
  int32,
  intOrString,
  list,
  listMap,
  object,
  of,
  oneOf,
  str,
  string,
  type Infer,
} from "#machinery/shape.ts";
import { serviceColumns } from "./service-columns.ts";
import { defaultService, dropOfOldType } from "./service-defaults.ts";
import { checkService } from "./service-rules.ts";

export const servicePortShape = object("api.core.v1.ServicePort", {
  name: string(1),
  protocol: oneOf(2, ["TCP", "UDP", "SCTP"]).default("TCP"),
  appProtocol: string(6).keepZero(),
  port: int32(3).always(),
  targetPort: intOrString(4),
  nodePort: int32(5).dropZero(),
});
export interface ServicePort extends Infer<typeof servicePortShape> {}

export const clientIPConfigShape = object("api.core.v1.ClientIPConfig", {
  timeoutSeconds: int32(1),
});
export interface ClientIPConfig extends Infer<typeof clientIPConfigShape> {}

export const sessionAffinityConfigShape = object("api.core.v1.SessionAffinityConfig", {
  clientIP: of(1, clientIPConfigShape),
});
export interface SessionAffinityConfig extends Infer<typeof sessionAffinityConfigShape> {}

export const serviceSpecShape = object("api.core.v1.ServiceSpec", {
  ports: listMap(1, ["port", "protocol"], servicePortShape).patchMerge("port"),
  selector: atomicMap(2, str),
  clusterIP: string(3),
  clusterIPs: list(18, str),
  type: oneOf(4, ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]).default("ClusterIP"),
  externalIPs: list(5, str),
  sessionAffinity: oneOf(7, ["ClientIP", "None"]).default("None"),
  loadBalancerIP: string(8),
  loadBalancerSourceRanges: list(9, str),
  externalName: string(10),
  externalTrafficPolicy: oneOf(11, ["Cluster", "Local"]),
  healthCheckNodePort: int32(12).dropZero(),
  publishNotReadyAddresses: bool(13).dropZero(),
  sessionAffinityConfig: of(14, sessionAffinityConfigShape),
  ipFamilies: list(19, enumShape(["IPv4", "IPv6", ""])),
  ipFamilyPolicy: oneOf(17, ["SingleStack", "PreferDualStack", "RequireDualStack"]).keepZero(),
  allocateLoadBalancerNodePorts: bool(20),
  loadBalancerClass: string(21).keepZero(),
  internalTrafficPolicy: oneOf(22, ["Cluster", "Local"]).keepZero(),
  trafficDistribution: string(23).keepZero(),
});
export interface ServiceSpec extends Infer<typeof serviceSpecShape> {}

export const portStatusShape = object("api.core.v1.PortStatus", {
  port: int32(1).always(),
  protocol: oneOf(2, ["TCP", "UDP", "SCTP"]).always(),
  error: string(3).keepZero(),
});
export interface PortStatus extends Infer<typeof portStatusShape> {}

export const loadBalancerIngressShape = object("api.core.v1.LoadBalancerIngress", {
  ip: string(1),
  hostname: string(2),
  ipMode: string(3).keepZero(),
  ports: list(4, portStatusShape),
});
export interface LoadBalancerIngress extends Infer<typeof loadBalancerIngressShape> {}

export const loadBalancerStatusShape = object("api.core.v1.LoadBalancerStatus", {
  ingress: list(1, loadBalancerIngressShape),
});
export interface LoadBalancerStatus extends Infer<typeof loadBalancerStatusShape> {}

export const serviceStatusShape = object("api.core.v1.ServiceStatus", {
  loadBalancer: of(1, loadBalancerStatusShape).always().unlisted(),
  conditions: listMap(2, ["type"], condition).patchMerge("type"),
});
export interface ServiceStatus extends Infer<typeof serviceStatusShape> {}

export const serviceShape = kind("api.core.v1.Service", {
  spec: of(2, serviceSpecShape).always().unlisted(),
  status: of(3, serviceStatusShape).always().unlisted(),
});
export interface Service extends Infer<typeof serviceShape> {}

export const services = resource<Service>({
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  categories: ["all"],
  namespaced: true,
  shape: serviceShape,
  columns: serviceColumns,
  defaults: defaultService,
  generationFields: [],
  nameRule: "label1035",
  selectableFields: {
    "spec.clusterIP": ({ spec }) => spec.clusterIP ?? "",
    "spec.type": ({ spec }) => spec.type ?? "",
  },
  // Who writes the status is told that there is nothing to balance (checkService), not passed over.
  prepare: (draft, { old, subresource }) => {
    if (subresource !== "status") dropOfOldType(draft, old);
  },
  check: checkService,
});
