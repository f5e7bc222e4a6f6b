/** Rules of nodes, namespaces and endpoints. */
import { at, child, duplicate, forbidden, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { checkEndpointIp, checkIp, checkIpRange, parseIp, parseIpRange } from "#machinery/ip-address.ts";
import { dnsLabel, dnsSubdomain, labelValue, portNumber, qualifiedName } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { EndpointAddress, EndpointPort, Endpoints } from "./endpoints.ts";
import type { Namespace } from "./namespace.ts";
import type { Node, NodeSpec } from "./node.ts";
import { checkAmount } from "./resource-amount-rules.ts";

function checkTaints({ taints }: NodeSpec): FieldError[] {
  const seen = new Set<string>();
  // As upstream: said of the metadata, though taints stand in the spec.
  return each("metadata.taints", taints, (path, taint) => {
    const { key, value = "", effect } = taint;
    const errors = checked(child(path, "key"), key, qualifiedName);
    const problems = labelValue(value);
    if (problems.length > 0) errors.push(invalid(child(path, "value"), value, problems.join(";")));
    if (effect === ("" as string)) errors.push(required(child(path, "effect")));
    if (seen.has(`${key}:${effect}`)) {
      const repeated = duplicate(path, taint);
      errors.push({ ...repeated, message: `${repeated.message}: taints must be unique by key and effect pair` });
    }
    seen.add(`${key}:${effect}`);
    return errors;
  });
}

function checkPodCidrs({ podCIDRs = [] }: NodeSpec): FieldError[] {
  const errors = each("spec.podCIDRs", podCIDRs, checkIpRange);
  const families = new Set(podCIDRs.map((range) => parseIpRange(range)?.address.family));
  if (errors.length === 0 && families.size < podCIDRs.length)
    errors.push(invalid("spec.podCIDRs", podCIDRs, "may specify no more than one CIDR for each IP family"));
  return errors;
}

function checkChange(node: Node, old: Node): FieldError[] {
  const { spec, status } = node;
  const errors: FieldError[] = [];
  const before = old.spec.podCIDRs ?? [];
  if (before.length > 0 && !deepEqual(before, spec.podCIDRs))
    errors.push(forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'));
  if (old.spec.providerID && old.spec.providerID !== spec.providerID)
    errors.push(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'));
  const addresses = status.addresses ?? [];
  const seen = new Set<string>();
  for (const [index, address] of addresses.entries()) {
    const text = JSON.stringify([address.type, address.address]);
    if (seen.has(text)) errors.push(duplicate(at("status.addresses", index), address));
    seen.add(text);
  }
  return errors;
}

export function checkNode(node: Node, { old }: CheckContext<Node>): readonly FieldError[] {
  const { spec, status } = node;
  const amounts = (["capacity", "allocatable"] as const).flatMap((list) =>
    Object.entries(status[list] ?? {}).flatMap(([name, text]) => checkAmount(`status.${list}.${name}`, name, text)),
  );
  return [...checkTaints(spec), ...amounts, ...checkPodCidrs(spec), ...(old ? checkChange(node, old) : [])];
}

export function checkNamespace(
  { metadata, spec, status }: Namespace,
  { subresource }: CheckContext<Namespace>,
): readonly FieldError[] {
  const deleted = metadata.deletionTimestamp !== undefined;
  if (subresource === "status") {
    const wanted = deleted ? "Terminating" : "Active";
    if (status.phase === wanted) return [];
    const when = deleted ? "is not empty" : "is empty";
    return [invalid("status.Phase", status.phase ?? "", `may only be '${wanted}' if \`deletionTimestamp\` ${when}`)];
  }
  return (spec.finalizers ?? []).flatMap((name) => {
    const errors = checked("spec.finalizers", name, qualifiedName);
    const standard = ["kubernetes", "orphan", "foregroundDeletion"];
    if (!name.includes("/") && !standard.includes(name))
      errors.push(
        invalid("spec.finalizers", name, "name is neither a standard finalizer name nor is it fully qualified"),
      );
    return errors;
  });
}

function checkAddress(path: string, { ip, hostname, nodeName }: EndpointAddress): FieldError[] {
  return [
    ...(parseIp(ip) ? checkEndpointIp(child(path, "ip"), ip) : checkIp(child(path, "ip"), ip)),
    ...(hostname ? checked(child(path, "hostname"), hostname, dnsLabel) : []),
    ...(nodeName === undefined ? [] : checked(child(path, "nodeName"), nodeName, dnsSubdomain)),
  ];
}

function checkEndpointPort(path: string, { name, port, appProtocol }: EndpointPort, nameNeeded: boolean): FieldError[] {
  const where = child(path, "name");
  const errors = name ? checked(where, name, dnsLabel) : [];
  if (!name && nameNeeded) errors.push(required(where));
  return [
    ...errors,
    ...portNumber(port).map((problem) => invalid(child(path, "port"), port, problem)),
    ...(appProtocol === undefined ? [] : checked(child(path, "appProtocol"), appProtocol, qualifiedName)),
  ];
}

export function checkEndpoints({ subsets }: Endpoints, { old }: CheckContext<Endpoints>): readonly FieldError[] {
  if (old && deepEqual(old.subsets, subsets)) return [];
  return each("subsets", subsets, (path, { addresses, notReadyAddresses, ports = [] }) => [
    ...(addresses || notReadyAddresses ? [] : [required(path, "must specify `addresses` or `notReadyAddresses`")]),
    ...each(child(path, "addresses"), addresses, checkAddress),
    ...each(child(path, "notReadyAddresses"), notReadyAddresses, checkAddress),
    ...each(child(path, "ports"), ports, (portPath, port) => checkEndpointPort(portPath, port, ports.length > 1)),
  ]);
}
