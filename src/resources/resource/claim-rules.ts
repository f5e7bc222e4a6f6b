/** Rules and defaults of claims of devices, and rules of what drivers publish. */
import { child, duplicate, invalid, notSupported, required, tooMany, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { Draft } from "#machinery/meta.ts";
import { dnsLabel, dnsSubdomain } from "#machinery/names.ts";
import { checked, checkImmutable } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { DeviceRequest } from "./device-request.ts";
import type { ExactDeviceRequest } from "./exact-device-request.ts";
import type { ResourceClaimSpec } from "./resource-claim-spec.ts";
import type { ResourceClaimTemplate } from "./resource-claim-template.ts";
import type { ResourceClaim } from "./resource-claim.ts";
import type { ResourceSlice, ResourceSliceSpec } from "./resource-slice.ts";

const requestsMax = 32;
const alternativesMax = 8;
const modes = ["All", "ExactCount"];

type Wanted = Pick<ExactDeviceRequest, "deviceClassName" | "allocationMode" | "count">;

/** One device where only their number was left out. */
export function defaultClaimSpec({ devices }: Draft<ResourceClaimSpec>): void {
  for (const { exactly, firstAvailable = [] } of devices.requests)
    for (const wanted of exactly ? [exactly] : firstAvailable)
      if (wanted.allocationMode === "ExactCount") wanted.count ||= 1;
}

function checkWanted(path: string, { deviceClassName, allocationMode = "", count = 0 }: Wanted): FieldError[] {
  const classPath = child(path, "deviceClassName");
  const errors = deviceClassName === "" ? [required(classPath)] : checked(classPath, deviceClassName, dnsSubdomain);
  if (!modes.includes(allocationMode)) errors.push(notSupported(child(path, "allocationMode"), allocationMode, modes));
  if (allocationMode === "ExactCount" && count <= 0)
    errors.push(invalid(child(path, "count"), count, "must be greater than zero"));
  if (allocationMode === "All" && count !== 0)
    errors.push(invalid(child(path, "count"), count, "must not be specified when allocationMode is 'All'"));
  return errors;
}

function checkRequest(path: string, { name, exactly, firstAvailable }: DeviceRequest): FieldError[] {
  const errors = name === "" ? [required(child(path, "name"))] : checked(child(path, "name"), name, dnsLabel);
  if (!exactly === !firstAvailable)
    errors.push(required(path, "exactly one of `exactly` or `firstAvailable` is required"));
  if (exactly) errors.push(...checkWanted(child(path, "exactly"), exactly));
  const where = child(path, "firstAvailable");
  if ((firstAvailable?.length ?? 0) > alternativesMax)
    errors.push(tooMany(where, firstAvailable?.length ?? 0, alternativesMax));
  return [
    ...errors,
    ...each(where, firstAvailable, (at, alternative) => [
      ...checked(child(at, "name"), alternative.name, dnsLabel),
      ...checkWanted(at, alternative),
    ]),
  ];
}

function checkSpec(path: string, { devices }: ResourceClaimSpec): FieldError[] {
  const where = `${path}.devices.requests`;
  const names = new Set<string>();
  const errors = each(where, devices.requests, (at, request) => {
    const repeated = names.has(request.name) ? [duplicate(child(at, "name"), request.name)] : [];
    names.add(request.name);
    return [...checkRequest(at, request), ...repeated];
  });
  if (devices.requests.length > requestsMax) errors.push(tooMany(where, devices.requests.length, requestsMax));
  return errors;
}

export function checkResourceClaim(
  { spec }: ResourceClaim,
  { old, subresource }: CheckContext<ResourceClaim>,
): readonly FieldError[] {
  if (subresource !== "") return [];
  return [...checkSpec("spec", spec), ...(old ? checkImmutable("spec", spec, old.spec) : [])];
}

export function checkResourceClaimTemplate(
  { spec }: ResourceClaimTemplate,
  { old }: CheckContext<ResourceClaimTemplate>,
): readonly FieldError[] {
  return [...checkSpec("spec.spec", spec.spec), ...(old ? checkImmutable("spec", spec, old.spec) : [])];
}

const placements = ["nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection"] as const;

function checkPlacement(spec: ResourceSliceSpec): FieldError[] {
  const set = placements.filter((name) => spec[name] !== undefined && spec[name] !== false);
  const what = placements.map((name) => `\`${name}\``).join(", ");
  if (set.length === 0) return [required("spec", `exactly one of ${what} is required`)];
  if (set.length === 1) return [];
  return [invalid("spec", `{${set.map((name) => `\`${name}\``).join(", ")}}`, `exactly one of ${what} is required`)];
}

export function checkResourceSlice(
  { spec }: ResourceSlice,
  { old }: CheckContext<ResourceSlice>,
): readonly FieldError[] {
  const { driver, pool, nodeName, devices } = spec;
  const names = new Set<string>();
  const errors = [
    ...(driver === "" ? [required("spec.driver")] : checked("spec.driver", driver, dnsSubdomain)),
    ...(pool.name === "" ? [required("spec.pool.name")] : []),
    ...checkPlacement(spec),
    ...each("spec.devices", devices, (path, { name }) => {
      const repeated = names.has(name) ? [duplicate(child(path, "name"), name)] : [];
      names.add(name);
      return [...checked(child(path, "name"), name, dnsLabel), ...repeated];
    }),
  ];
  if (pool.resourceSliceCount <= 0)
    errors.push(invalid("spec.pool.resourceSliceCount", pool.resourceSliceCount, "must be greater than zero"));
  if (pool.generation < 0)
    errors.push(invalid("spec.pool.generation", pool.generation, "must be greater than or equal to zero"));
  if (!old) return errors;
  for (const [path, now, before] of [
    ["spec.driver", driver, old.spec.driver],
    ["spec.pool.name", pool.name, old.spec.pool.name],
    ["spec.nodeName", nodeName, old.spec.nodeName],
  ] as const)
    if (!deepEqual(now, before)) errors.push(invalid(path, now, "field is immutable"));
  return errors;
}
