/** Rules of network policies. */
import { child, forbidden, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { checkIpRange, parseIpRange, rangeHolds } from "#machinery/ip-address.ts";
import { portNumber } from "#machinery/names.ts";
import { checkSelector } from "#machinery/object-meta-rules.ts";
import { each } from "#machinery/rule.ts";
import { checkPort } from "../core/probe-rules.ts";
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "./network-policy.ts";

function checkPolicyPort(path: string, { port, endPort }: NetworkPolicyPort): FieldError[] {
  const where = child(path, "endPort");
  const errors = port === undefined ? [] : checkPort(child(path, "port"), port);
  if (endPort === undefined) return errors;
  if (port === undefined)
    return [...errors, invalid(where, endPort, "may not be specified when `port` is not specified")];
  if (typeof port === "string")
    return [...errors, invalid(where, endPort, "may not be specified when `port` is non-numeric")];
  if (endPort < port) errors.push(invalid(where, endPort, "must be greater than or equal to `port`"));
  return [...errors, ...portNumber(endPort).map((problem) => invalid(where, endPort, problem))];
}

function checkBlock(path: string, { cidr, except }: IPBlock): FieldError[] {
  if (cidr === "") return [required(child(path, "cidr"))];
  const range = parseIpRange(cidr);
  if (range === undefined) return checkIpRange(child(path, "cidr"), cidr);
  return each(child(path, "except"), except, (where, text) => {
    const inner = parseIpRange(text);
    if (inner === undefined) return checkIpRange(where, text);
    if (rangeHolds(range, inner.address) && inner.prefixBits > range.prefixBits) return [];
    return [invalid(where, text, "must be a strict subset of `cidr`")];
  });
}

function checkPeer(path: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): FieldError[] {
  const errors = [
    ...checkSelector(child(path, "podSelector"), podSelector),
    ...checkSelector(child(path, "namespaceSelector"), namespaceSelector),
    ...(ipBlock ? checkBlock(child(path, "ipBlock"), ipBlock) : []),
  ];
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(required(path, "must specify a peer"));
  if (ipBlock && (podSelector || namespaceSelector))
    errors.push(forbidden(path, "may not specify both ipBlock and another peer"));
  return errors;
}

export function checkNetworkPolicy({ spec }: NetworkPolicy): readonly FieldError[] {
  const { podSelector, ingress, egress, policyTypes = [] } = spec;
  const allowed = ["Ingress", "Egress"];
  const errors = [
    ...checkSelector("spec.podSelector", podSelector),
    ...each("spec.ingress", ingress, (path, { ports, from }) => [
      ...each(child(path, "ports"), ports, checkPolicyPort),
      ...each(child(path, "from"), from, checkPeer),
    ]),
    ...each("spec.egress", egress, (path, { ports, to }) => [
      ...each(child(path, "ports"), ports, checkPolicyPort),
      ...each(child(path, "to"), to, checkPeer),
    ]),
  ];
  if (policyTypes.length > allowed.length)
    return [...errors, invalid("spec.policyTypes", policyTypes, "may not specify more than two policyTypes")];
  return [
    ...errors,
    ...each("spec.policyTypes", policyTypes, (path, type) =>
      allowed.includes(type) ? [] : [notSupported(path, type, allowed)],
    ),
  ];
}
