/** Ingress of networking.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { atomicObject, inline, int32, list, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { typedLocalObjectReferenceShape } from "../core/references.ts";
import { ingressColumns } from "./ingress-columns.ts";
import { checkIngress } from "./ingress-rules.ts";

export const serviceBackendPortShape = atomicObject("api.networking.v1.ServiceBackendPort", {
  name: string(1),
  number: int32(2).dropZero(),
});
export interface ServiceBackendPort extends Infer<typeof serviceBackendPortShape> {}

export const ingressServiceBackendShape = object("api.networking.v1.IngressServiceBackend", {
  name: string(1).always(),
  port: of(2, serviceBackendPortShape).always().unlisted(),
});
export interface IngressServiceBackend extends Infer<typeof ingressServiceBackendShape> {}

export const ingressBackendShape = object("api.networking.v1.IngressBackend", {
  service: of(4, ingressServiceBackendShape),
  resource: of(3, typedLocalObjectReferenceShape),
});
export interface IngressBackend extends Infer<typeof ingressBackendShape> {}

export const ingressTLSShape = object("api.networking.v1.IngressTLS", {
  hosts: list(1, str),
  secretName: string(2),
});
export interface IngressTLS extends Infer<typeof ingressTLSShape> {}

export const httpIngressPathShape = object("api.networking.v1.HTTPIngressPath", {
  path: string(1),
  pathType: string(3).required(),
  backend: of(2, ingressBackendShape).always(),
});
export interface HTTPIngressPath extends Infer<typeof httpIngressPathShape> {}

export const httpIngressRuleValueShape = object("api.networking.v1.HTTPIngressRuleValue", {
  paths: list(1, httpIngressPathShape).always(),
});
export interface HTTPIngressRuleValue extends Infer<typeof httpIngressRuleValueShape> {}

export const ingressRuleValueShape = object("api.networking.v1.IngressRuleValue", {
  http: of(1, httpIngressRuleValueShape),
});
export interface IngressRuleValue extends Infer<typeof ingressRuleValueShape> {}

export const ingressRuleShape = object("api.networking.v1.IngressRule", {
  host: string(1),
  ingressRuleValue: inline(2, ingressRuleValueShape),
});
export interface IngressRule extends Infer<typeof ingressRuleShape> {}

export const ingressSpecShape = object("api.networking.v1.IngressSpec", {
  ingressClassName: string(4).keepZero(),
  defaultBackend: of(1, ingressBackendShape),
  tls: list(2, ingressTLSShape),
  rules: list(3, ingressRuleShape),
});
export interface IngressSpec extends Infer<typeof ingressSpecShape> {}

export const ingressPortStatusShape = object("api.networking.v1.IngressPortStatus", {
  port: int32(1).always(),
  protocol: oneOf(2, ["TCP", "UDP", "SCTP"]).always(),
  error: string(3).keepZero(),
});
export interface IngressPortStatus extends Infer<typeof ingressPortStatusShape> {}

export const ingressLoadBalancerIngressShape = object("api.networking.v1.IngressLoadBalancerIngress", {
  ip: string(1),
  hostname: string(2),
  ports: list(4, ingressPortStatusShape),
});
export interface IngressLoadBalancerIngress extends Infer<typeof ingressLoadBalancerIngressShape> {}

export const ingressLoadBalancerStatusShape = object("api.networking.v1.IngressLoadBalancerStatus", {
  ingress: list(1, ingressLoadBalancerIngressShape),
});
export interface IngressLoadBalancerStatus extends Infer<typeof ingressLoadBalancerStatusShape> {}

export const ingressStatusShape = object("api.networking.v1.IngressStatus", {
  loadBalancer: of(1, ingressLoadBalancerStatusShape).always().unlisted(),
});
export interface IngressStatus extends Infer<typeof ingressStatusShape> {}

export const ingressShape = kind("api.networking.v1.Ingress", {
  spec: of(2, ingressSpecShape).always().unlisted(),
  status: of(3, ingressStatusShape).always().unlisted(),
});
export interface Ingress extends Infer<typeof ingressShape> {}

export const ingresses = resource<Ingress>({
  group: "networking.k8s.io",
  version: "v1",
  kind: "Ingress",
  plural: "ingresses",
  shortNames: ["ing"],
  namespaced: true,
  shape: ingressShape,
  columns: ingressColumns,
  check: checkIngress,
});
