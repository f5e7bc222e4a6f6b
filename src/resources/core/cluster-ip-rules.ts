/** Rules of the addresses that services have inside the cluster, one for each family. */
import { at, duplicate, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { checkIp, parseIp } from "#machinery/ip-address.ts";
import { each } from "#machinery/rule.ts";
import type { ServiceSpec } from "./service.ts";

const where = "spec.clusterIPs";

function checkFamilies({ clusterIPs = [], ipFamilies = [] }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const [first, second] = clusterIPs.map((ip) => parseIp(ip)?.family);
  if (clusterIPs.length > 1 && first === second)
    errors.push(invalid(where, clusterIPs, "may specify no more than one IP for each IP family"));
  for (const [index, ip] of clusterIPs.entries()) {
    const wanted = ipFamilies[index];
    if (wanted && wanted !== `IPv${parseIp(ip)?.family}`)
      errors.push(
        invalid(at(where, index), ip, `expected an ${wanted} value as indicated by \`ipFamilies[${index}]\``),
      );
  }
  return errors;
}

export function checkClusterIps(spec: ServiceSpec): FieldError[] {
  const { type, clusterIP, clusterIPs = [], ipFamilies = [] } = spec;
  if (type === "ExternalName") return [];
  const errors: FieldError[] = [];
  if (clusterIP) {
    if (clusterIPs.length === 0) errors.push(required(where));
    else if (clusterIPs[0] !== clusterIP) errors.push(invalid(where, clusterIPs, "first value must match `clusterIP`"));
  } else if (clusterIPs.length > 0)
    errors.push(invalid(where, clusterIPs, "must be empty when `clusterIP` is not specified"));
  const seen = new Set<string>();
  for (const [index, family] of ipFamilies.entries()) {
    if (seen.has(family)) errors.push(duplicate(at("spec.ipFamilies", index), family));
    seen.add(family);
  }
  if (clusterIPs[0] === "None")
    return clusterIPs.length > 1
      ? [...errors, invalid(where, clusterIPs, "'None' must be the first and only value")]
      : errors;
  const wrong = each(where, clusterIPs, checkIp);
  if (clusterIPs.length > 2) wrong.push(invalid(where, clusterIPs, "may only hold up to 2 values"));
  return [...errors, ...(wrong.length > 0 ? wrong : checkFamilies(spec))];
}

/** Addresses stay, but the second one may come and go. */
export function checkClusterIpsChange(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const { clusterIPs: now = [] } = spec;
  const { clusterIPs: before = [] } = old;
  if (spec.type === "ExternalName" || old.type === "ExternalName") return [];
  const errors: FieldError[] = [];
  const kept = Math.min(now.length, before.length);
  for (let index = 0; index < (now.length === before.length ? kept : Math.min(kept, 1)); index++)
    if (now[index] !== before[index]) errors.push(invalid(at(where, index), now, "may not change once set"));
  if (before.length <= now.length) return errors;
  if (now.length === 0) errors.push(invalid(at(where, 0), now, "primary clusterIP can not be unset"));
  if (now.length === 1 && spec.ipFamilyPolicy !== "SingleStack")
    errors.push(
      invalid(
        "spec.ipFamilyPolicy",
        spec.ipFamilyPolicy,
        "must be set to 'SingleStack' when releasing the secondary clusterIP",
      ),
    );
  return errors;
}
