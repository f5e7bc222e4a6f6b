/** Rules of ingresses and their classes, and of addresses and ranges of services. */
import { child, forbidden, invalid, notSupported, required, tooLong, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { checkIp, checkIpRange, parseIp, parseIpRange } from "#machinery/ip-address.ts";
import {
  dns1035Label,
  dnsLabel,
  dnsSubdomain,
  pathSegment,
  portName,
  portNumber,
  wildcardDnsSubdomain,
} from "#machinery/names.ts";
import { checked, checkImmutable } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { IngressClass } from "./ingress-class.ts";
import type { HTTPIngressPath, Ingress, IngressBackend } from "./ingress.ts";
import type { IPAddress } from "./ip-address.ts";
import type { ServiceCIDR } from "./service-cidr.ts";

const controllerBytesMax = 250;
const classMark = "kubernetes.io/ingress.class";

interface Reference {
  readonly apiGroup?: string | undefined;
  readonly kind: string;
  readonly name: string;
}

function checkReference(path: string, { apiGroup, kind, name }: Reference): FieldError[] {
  const named = (key: string, text: string): FieldError[] =>
    text === "" ? [required(child(path, key))] : checked(child(path, key), text, pathSegment);
  return [
    ...(apiGroup === undefined ? [] : checked(child(path, "apiGroup"), apiGroup, dnsSubdomain)),
    ...named("kind", kind),
    ...named("name", name),
  ];
}

function checkBackend(path: string, { service, resource }: IngressBackend): FieldError[] {
  if (service && resource) return [invalid(path, "", "cannot set both resource and service backends")];
  if (resource) return checkReference(child(path, "resource"), resource);
  if (!service) return [invalid(path, "", "resource or service backend is required")];
  const where = child(path, "service");
  const { name: portText, number } = service.port;
  const errors =
    service.name === "" ? [required(child(where, "name"))] : checked(child(where, "name"), service.name, dns1035Label);
  if (portText && number) errors.push(invalid(path, "", "cannot set both port name & port number"));
  else if (portText) errors.push(...checked(`${where}.port.name`, portText, portName));
  else if (number)
    errors.push(...portNumber(number).map((problem) => invalid(`${where}.port.number`, number, problem)));
  else errors.push(required(path, "port name or number is required"));
  return errors;
}

function checkHttpPath(path: string, entry: HTTPIngressPath): FieldError[] {
  const { path: text = "", backend } = entry;
  // Absent in objects that were not held to the rules yet, which the shape says.
  const pathType: string | undefined = entry.pathType;
  const where = child(path, "path");
  const types = ["Exact", "ImplementationSpecific", "Prefix"];
  if (pathType === undefined) return [];
  const errors: FieldError[] = [];
  if (!types.includes(pathType)) errors.push(notSupported(child(path, "pathType"), pathType, types));
  const strict = pathType === "Exact" || pathType === "Prefix";
  if ((strict || (pathType === "ImplementationSpecific" && text !== "")) && !text.startsWith("/"))
    errors.push(invalid(where, text, "must be an absolute path"));
  if (strict) {
    for (const part of ["//", "/./", "/../", "%2f", "%2F"])
      if (text.includes(part)) errors.push(invalid(where, text, `must not contain '${part}'`));
    for (const end of ["/..", "/."])
      if (text.endsWith(end)) errors.push(invalid(where, text, `cannot end with '${end}'`));
  }
  return [...errors, ...checkBackend(child(path, "backend"), backend)];
}

function checkHost(path: string, host: string): FieldError[] {
  const errors = checked(path, host, host.includes("*") ? wildcardDnsSubdomain : dnsSubdomain);
  return parseIp(host) ? [invalid(path, host, "must be a DNS name, not an IP address"), ...errors] : errors;
}

function checkStatus({ status }: Ingress): FieldError[] {
  return each("status.loadBalancer.ingress", status.loadBalancer.ingress, (path, { ip, hostname }) => [
    ...(ip ? checkIp(child(path, "ip"), ip) : []),
    ...(hostname ? checkHost(child(path, "hostname"), hostname) : []),
  ]);
}

export function checkIngress(ingress: Ingress, { old, subresource }: CheckContext<Ingress>): readonly FieldError[] {
  if (subresource === "status") return checkStatus(ingress);
  const { rules = [], defaultBackend, tls, ingressClassName } = ingress.spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && !defaultBackend)
    errors.push(invalid("spec", rules, "either `defaultBackend` or `rules` must be specified"));
  if (defaultBackend) errors.push(...checkBackend("spec.defaultBackend", defaultBackend));
  errors.push(
    ...each("spec.rules", rules, (path, { host, http }) => [
      ...(host ? checkHost(child(path, "host"), host) : []),
      ...(http && http.paths.length === 0 ? [required(`${path}.http.paths`)] : []),
      ...each(`${path}.http.paths`, http?.paths, checkHttpPath),
    ]),
    ...each("spec.tls", tls, (path, { hosts, secretName }) => [
      ...each(child(path, "hosts"), hosts, (where, host) =>
        checked(where, host, host.includes("*") ? wildcardDnsSubdomain : dnsSubdomain),
      ),
      ...(secretName ? checked(child(path, "secretName"), secretName, dnsSubdomain) : []),
    ]),
  );
  if (ingressClassName === undefined) return errors;
  errors.push(...checked("spec.ingressClassName", ingressClassName, dnsSubdomain));
  const mark = ingress.metadata.annotations?.[classMark];
  if (!old && mark !== undefined && mark !== ingressClassName)
    errors.push(invalid(`annotations.${classMark}`, mark, "must match `ingressClassName` when both are specified"));
  return errors;
}

// As upstream shows it.
const domainPathText = String.raw`[A-Za-z0-9/\-._~%!$&'()*+,;=:]+`;

/** "acme.io/foo": a domain, and a path below it. */
export function checkDomainPath(path: string, text: string): FieldError[] {
  if (text === "") return [required(path)];
  const slash = text.indexOf("/");
  const [host, rest] = [text.slice(0, Math.max(slash, 0)), text.slice(slash + 1)];
  if (host === "" || rest === "")
    return [invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const errors = checked(path, host, dnsSubdomain);
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(rest))
    errors.push(invalid(path, rest, `Invalid path (regex used for validation is '${domainPathText}')`));
  return errors;
}

export function checkIngressClass({ spec }: IngressClass, { old }: CheckContext<IngressClass>): readonly FieldError[] {
  const { controller = "", parameters } = spec;
  const errors = checkDomainPath("spec.controller", controller);
  if (controller.length > controllerBytesMax) errors.push(tooLong("spec.controller", controllerBytesMax));
  if (old) errors.push(...checkImmutable("spec.controller", controller, old.spec.controller));
  if (!parameters) return errors;
  const where = "spec.parameters.namespace";
  const { scope, namespace } = parameters;
  errors.push(...checkReference("spec.parameters", parameters));
  if (scope !== "Namespace" && scope !== "Cluster")
    errors.push(notSupported("spec.parameters.scope", scope, ["Cluster", "Namespace"]));
  if (scope === "Namespace")
    errors.push(
      ...(namespace === undefined
        ? [required(where, "`parameters.scope` is set to 'Namespace'")]
        : checked(where, namespace, dnsLabel)),
    );
  if (scope === "Cluster" && namespace !== undefined)
    errors.push(forbidden(where, "`parameters.scope` is set to 'Cluster'"));
  return errors;
}

export function checkIpAddress({ metadata, spec }: IPAddress, { old }: CheckContext<IPAddress>): readonly FieldError[] {
  const { name = "" } = metadata;
  const errors = parseIp(name) ? [] : [invalid("metadata.name", name, "must be a valid IP address")];
  if (old && !deepEqual(spec.parentRef, old.spec.parentRef))
    errors.push(invalid("spec.parentRef", spec.parentRef, "field is immutable"));
  return errors;
}

export function checkServiceCidr({ spec }: ServiceCIDR, { old }: CheckContext<ServiceCIDR>): readonly FieldError[] {
  const { cidrs = [] } = spec;
  const errors = each("spec.cidrs", cidrs, checkIpRange);
  if (cidrs.length === 0) errors.push(required("spec.cidrs", "at least one CIDR required"));
  if (cidrs.length > 2) errors.push(invalid("spec.cidrs", cidrs, "may only hold up to 2 values"));
  const families = cidrs.map((range) => parseIpRange(range)?.address.family);
  if (cidrs.length === 2 && families[0] === families[1])
    errors.push(invalid("spec.cidrs", cidrs, "may specify no more than one IP for each IP family"));
  const before = old?.spec.cidrs ?? [];
  if (old && !before.every((range, index) => range === cidrs[index]))
    errors.push(invalid("spec.cidrs", cidrs, "field is immutable"));
  return errors;
}
