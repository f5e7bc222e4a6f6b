/** The defaults of services, beyond those that the fields themselves have. */
import type { Draft } from "#machinery/meta.ts";
import type { Service } from "./service.ts";

const affinitySeconds = 10_800;

export function defaultService({ spec, status }: Draft<Service>): void {
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === "ClientIP" && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: affinitySeconds } };
  for (const port of spec.ports ?? []) port.targetPort ||= port.port;
  const { type } = spec;
  const balanced = type === "LoadBalancer";
  const fromOutside = balanced || type === "NodePort" || (type === "ClusterIP" && (spec.externalIPs?.length ?? 0) > 0);
  if (fromOutside) spec.externalTrafficPolicy ||= "Cluster";
  if (type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
  if (!balanced) return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status.loadBalancer.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
}
