/** The defaults of services, beyond those that the fields themselves have, and what a change of type takes away. */
import type { Draft } from "#machinery/meta.ts";
import type { Service, ServiceSpec } from "./service.ts";

const affinitySeconds = 10_800;

export function defaultService({ spec, status }: Draft<Service>): void {
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === "ClientIP" && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: affinitySeconds } };
  for (const port of spec.ports ?? []) port.targetPort ||= port.port;
  const { type } = spec;
  const balanced = type === "LoadBalancer";
  if (isOpen(spec)) spec.externalTrafficPolicy ||= "Cluster";
  if (type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
  if (!balanced) return;
  spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of status.loadBalancer.ingress ?? []) if (ingress.ip) ingress.ipMode ??= "VIP";
}

/** Fields that the old type needed and the new one may not have go when the writer left them as they were. */
export function dropOfOldType({ spec, status }: Draft<Service>, old: Service | undefined): void {
  if (!old) return;
  const was = old.spec;
  const wanted = (type: string | undefined): boolean => type === "NodePort" || type === "LoadBalancer";
  if (wanted(was.type) && !wanted(spec.type)) {
    const held = new Set((was.ports ?? []).map(({ nodePort }) => nodePort ?? 0));
    if ((spec.ports ?? []).every(({ nodePort }) => held.has(nodePort ?? 0)))
      for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (isOpen(was) && !isOpen(spec) && spec.externalTrafficPolicy === was.externalTrafficPolicy)
    delete spec.externalTrafficPolicy;
  if (spec.type === "LoadBalancer") return;
  if (was.type === "LoadBalancer") {
    for (const field of ["allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"] as const)
      if (spec[field] === was[field]) delete spec[field];
  }
  status.loadBalancer = {};
}

/** Whether it is reached from outside the cluster. */
function isOpen({ type, externalIPs }: Pick<ServiceSpec, "type" | "externalIPs">): boolean {
  return type === "LoadBalancer" || type === "NodePort" || (type === "ClusterIP" && (externalIPs?.length ?? 0) > 0);
}
