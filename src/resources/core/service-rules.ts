/** Rules of services. */
import {
  child,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
} from "#machinery/field-error.ts";
import { checkEndpointIp, checkIp, checkIpRange, parseIp } from "#machinery/ip-address.ts";
import { dnsLabel, dnsSubdomain, portNumber, qualifiedName } from "#machinery/names.ts";
import { checked, checkLabels } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import { checkPort } from "./probe-rules.ts";
import { checkClusterIps, checkClusterIpsChange } from "./cluster-ip-rules.ts";
import type { Service, ServicePort, ServiceSpec } from "./service.ts";

const affinitySecondsMax = 86_400;

export const isHeadless = ({ clusterIPs }: ServiceSpec): boolean => clusterIPs?.[0] === "None";

function isFromOutside({ type, externalIPs = [] }: ServiceSpec): boolean {
  return type === "LoadBalancer" || type === "NodePort" || (type === "ClusterIP" && externalIPs.length > 0);
}

const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec): boolean =>
  type === "LoadBalancer" && externalTrafficPolicy === "Local";

function checkServicePort(path: string, port: ServicePort, nameNeeded: boolean): FieldError[] {
  const { name, port: number, targetPort, appProtocol } = port;
  const errors = name ? checked(child(path, "name"), name, dnsLabel) : [];
  if (!name && nameNeeded) errors.push(required(child(path, "name")));
  return [
    ...errors,
    ...portNumber(number).map((problem) => invalid(child(path, "port"), number, problem)),
    ...(targetPort === undefined ? [] : checkPort(child(path, "targetPort"), targetPort)),
    ...(appProtocol === undefined ? [] : checked(child(path, "appProtocol"), appProtocol, qualifiedName)),
  ];
}

function checkPorts({ ports = [], type }: ServiceSpec): FieldError[] {
  const seen = { names: new Set<string>(), ports: new Set<string>(), nodePorts: new Set<string>() };
  return each("spec.ports", ports, (path, port) => {
    const { name, protocol = "", nodePort } = port;
    const errors = checkServicePort(path, port, ports.length > 1);
    if (name && seen.names.has(name)) errors.push(duplicate(child(path, "name"), name));
    if (name) seen.names.add(name);
    if (nodePort && type === "ClusterIP")
      errors.push(forbidden(child(path, "nodePort"), "may not be used when `type` is 'ClusterIP'"));
    if (nodePort && seen.nodePorts.has(`${protocol}/${nodePort}`))
      errors.push(duplicate(child(path, "nodePort"), nodePort));
    seen.nodePorts.add(`${protocol}/${nodePort}`);
    if (seen.ports.has(`${protocol}/${port.port}`)) errors.push(duplicate(path, { protocol, port: port.port }));
    seen.ports.add(`${protocol}/${port.port}`);
    return errors;
  });
}

function checkType({ type, ports = [], ...spec }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const headless = isHeadless(spec);
  if (ports.length === 0 && !headless && type !== "ExternalName") errors.push(required("spec.ports"));
  if (headless && (type === "LoadBalancer" || type === "NodePort"))
    errors.push(invalid("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${type} services`));
  if (type !== "ExternalName") return errors;
  const why = "may not be set for ExternalName services";
  if (spec.clusterIPs) errors.push(forbidden("spec.clusterIPs", why));
  if (spec.ipFamilies) errors.push(forbidden("spec.ipFamilies", why));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden("spec.ipFamilyPolicy", why));
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  errors.push(...(name === "" ? [required("spec.externalName")] : checked("spec.externalName", name, dnsSubdomain)));
  return errors;
}

function checkAffinity({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  const where = "spec.sessionAffinityConfig";
  if (sessionAffinity === "None")
    return config ? [forbidden(where, "must not be set when session affinity is None")] : [];
  if (sessionAffinity !== "ClientIP") return [];
  const why = "when session affinity type is ClientIP";
  const seconds = config?.clientIP?.timeoutSeconds;
  if (!config) return [required(where, why)];
  if (!config.clientIP) return [required(`${where}.clientIP`, why)];
  if (seconds === undefined) return [required(`${where}.clientIP.timeoutSeconds`, why)];
  if (seconds > 0 && seconds <= affinitySecondsMax) return [];
  return [
    invalid(`${where}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${affinitySecondsMax}`),
  ];
}

function checkTraffic(spec: ServiceSpec): FieldError[] {
  const { externalTrafficPolicy, healthCheckNodePort, internalTrafficPolicy, trafficDistribution } = spec;
  const where = "spec.healthCheckNodePort";
  const errors: FieldError[] = [];
  if (!isFromOutside(spec)) {
    if (externalTrafficPolicy)
      errors.push(
        invalid(
          "spec.externalTrafficPolicy",
          externalTrafficPolicy,
          "may only be set for externally-accessible services",
        ),
      );
  } else if (!externalTrafficPolicy) errors.push(required("spec.externalTrafficPolicy"));
  if (!needsHealthCheck(spec)) {
    if (healthCheckNodePort)
      errors.push(
        invalid(
          where,
          healthCheckNodePort,
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
      );
  } else if (healthCheckNodePort)
    errors.push(...portNumber(healthCheckNodePort).map((problem) => invalid(where, healthCheckNodePort, problem)));
  if (internalTrafficPolicy === undefined && spec.type !== "ExternalName")
    errors.push(required("spec.internalTrafficPolicy"));
  const distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution))
    errors.push(notSupported("spec.trafficDistribution", trafficDistribution, distributions));
  return errors;
}

function checkBalancer({ spec }: Service, old: Service | undefined): FieldError[] {
  const { type, loadBalancerSourceRanges = [], loadBalancerClass, allocateLoadBalancerNodePorts } = spec;
  const balanced = type === "LoadBalancer";
  const only = "may only be used when `type` is 'LoadBalancer'";
  const ranges = "spec.LoadBalancerSourceRanges";
  const errors: FieldError[] = [];
  if (loadBalancerSourceRanges.length > 0 && !balanced) errors.push(forbidden(ranges, only));
  errors.push(...each(ranges, loadBalancerSourceRanges, (where, range) => checkIpRange(where, range.trim())));
  if (allocateLoadBalancerNodePorts !== undefined && !balanced)
    errors.push(forbidden("spec.allocateLoadBalancerNodePorts", only));
  if (loadBalancerClass !== undefined)
    errors.push(
      ...(balanced
        ? checked("spec.loadBalancerClass", loadBalancerClass, qualifiedName)
        : [forbidden("spec.loadBalancerClass", only)]),
    );
  if (old?.spec.type === "LoadBalancer" && balanced && old.spec.loadBalancerClass !== loadBalancerClass)
    errors.push(invalid("spec.loadBalancerClass", loadBalancerClass, "may not change once set"));
  return errors;
}

function checkStatus({ spec, status }: Service): FieldError[] {
  const { ingress = [] } = status.loadBalancer;
  if (spec.type !== "LoadBalancer" && ingress.length > 0)
    return [forbidden("status.loadBalancer.ingress", "may only be used when `spec.type` is 'LoadBalancer'")];
  return each("status.loadBalancer.ingress", status.loadBalancer.ingress, (path, { ip, hostname, ipMode }) => {
    const errors = ip ? checkIp(child(path, "ip"), ip) : [];
    if (ip && ipMode === undefined) errors.push(required(child(path, "ipMode"), "must be specified when `ip` is set"));
    if (!ip && ipMode !== undefined)
      errors.push(forbidden(child(path, "ipMode"), "may not be specified when `ip` is not set"));
    if (ip && ipMode !== undefined && ipMode !== "VIP" && ipMode !== "Proxy")
      errors.push(notSupported(child(path, "ipMode"), ipMode, ["Proxy", "VIP"]));
    if (hostname) {
      errors.push(...checked(child(path, "hostname"), hostname, dnsSubdomain));
      if (parseIp(hostname))
        errors.push(invalid(child(path, "hostname"), hostname, "must be a DNS name, not an IP address"));
    }
    return errors;
  });
}

export function checkService(service: Service, { old, subresource }: CheckContext<Service>): readonly FieldError[] {
  if (subresource === "status") return checkStatus(service);
  const { spec } = service;
  const errors = [
    ...checkType(spec),
    ...checkPorts(spec),
    ...checkLabels("spec.selector", spec.selector),
    ...checkAffinity(spec),
    ...checkClusterIps(spec),
    ...each("spec.externalIPs", spec.externalIPs, (where, ip) =>
      parseIp(ip) ? checkEndpointIp(where, ip) : checkIp(where, ip),
    ),
    ...checkBalancer(service, old),
    ...checkTraffic(spec),
  ];
  if (!old) return errors;
  errors.push(...checkClusterIpsChange(spec, old.spec));
  const { healthCheckNodePort: port } = spec;
  if (needsHealthCheck(spec) && needsHealthCheck(old.spec) && port !== old.spec.healthCheckNodePort)
    errors.push(forbidden("spec.healthCheckNodePort", "field is immutable"));
  return errors;
}
