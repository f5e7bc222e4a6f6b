/** Rules of persistent volumes and claims. */
import { at, child, forbidden, invalid, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { dnsSubdomain } from "#machinery/names.ts";
import { checked, checkImmutable } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { checkAccessModes, checkClaimSpec } from "./claim-spec-rules.ts";
import { checkNoBacksteps } from "./path-rules.ts";
import type { PersistentVolumeClaim } from "./persistent-volume-claim.ts";
import type { PersistentVolumeClaimSpec } from "./persistent-volume-claim-spec.ts";
import { persistentVolumeSourceShape, type PersistentVolumeSpec } from "./persistent-volume-sources.ts";
import type { PersistentVolume } from "./persistent-volume.ts";
import { checkNodeSelector } from "./scheduling-rules.ts";

const sourceNames = Object.keys(persistentVolumeSourceShape.declared);

function sourcesOf(spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => sourceNames.includes(name)));
}

function checkSources(spec: PersistentVolumeSpec): FieldError[] {
  const [first, ...others] = Object.keys(sourcesOf(spec));
  const errors = others.map((name) => forbidden(child("spec", name), "may not specify more than 1 volume type"));
  if (first === undefined) errors.push(required("spec", "must specify a volume type"));
  const { hostPath, local } = spec;
  if (hostPath?.path === "") errors.push(required("spec.hostPath.path"));
  if (hostPath) errors.push(...checkNoBacksteps("spec.hostPath.path", hostPath.path));
  if (hostPath?.path === "/" && spec.persistentVolumeReclaimPolicy === "Recycle")
    errors.push(forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'"));
  if (!local) return errors;
  if (local.path === "") errors.push(required("spec.local.path"));
  if (!spec.nodeAffinity?.required) errors.push(required("spec.nodeAffinity", "Local volume requires node affinity"));
  return [...errors, ...checkNoBacksteps("spec.local.path", local.path)];
}

function checkCapacity({ capacity = {} }: PersistentVolumeSpec): FieldError[] {
  const names = Object.keys(capacity);
  const errors = names.length === 0 ? [required("spec.capacity")] : [];
  if (capacity["storage"] === undefined || names.length > 1)
    errors.push(notSupported("spec.capacity", capacity, ["storage"]));
  for (const [name, text] of Object.entries(capacity))
    if (Quantity.parse(text).compare(Quantity.zero) <= 0)
      errors.push(invalid(at("spec.capacity", name), text, "must be greater than zero"));
  return errors;
}

function checkVolumeChange({ spec }: PersistentVolume, { spec: old }: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  if (!deepEqual(sourcesOf(spec), sourcesOf(old)))
    errors.push(forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation\n"));
  errors.push(...checkImmutable("volumeMode", spec.volumeMode, old.volumeMode));
  if (old.nodeAffinity && !deepEqual(spec.nodeAffinity, old.nodeAffinity))
    errors.push(invalid("nodeAffinity", spec.nodeAffinity, "field is immutable"));
  if (old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    errors.push(forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden"));
  return errors;
}

export function checkPersistentVolume(
  volume: PersistentVolume,
  { old, subresource }: CheckContext<PersistentVolume>,
): readonly FieldError[] {
  if (subresource === "status") return [];
  const { spec } = volume;
  const { nodeAffinity, storageClassName, volumeAttributesClassName: attributes } = spec;
  const errors: FieldError[] = spec.accessModes ? [] : [required("spec.accessModes")];
  errors.push(...checkAccessModes("spec.accessModes", spec.accessModes), ...checkCapacity(spec), ...checkSources(spec));
  if (nodeAffinity)
    errors.push(
      ...(nodeAffinity.required
        ? checkNodeSelector("spec.nodeAffinity.required", nodeAffinity.required)
        : [required("spec.nodeAffinity.required", "must specify required node constraints")]),
    );
  if (storageClassName) errors.push(...checked("spec.storageClassName", storageClassName, dnsSubdomain));
  if (attributes !== undefined) {
    const where = "spec.volumeAttributesClassName";
    errors.push(
      ...(attributes === ""
        ? [required(where, "an empty string is disallowed")]
        : checked(where, attributes, dnsSubdomain)),
    );
    if (!spec.csi) errors.push(required("spec.csi", "has to be specified when using volumeAttributesClassName"));
  }
  return old ? [...errors, ...checkVolumeChange(volume, old)] : errors;
}

/** What of a claim stays: everything but its volume once, and its size and class while it is bound. */
function fixedPart(spec: PersistentVolumeClaimSpec, claim: PersistentVolumeClaim, old: PersistentVolumeClaim): object {
  const bound = claim.status.phase === "Bound";
  const { volumeName, storageClassName, volumeAttributesClassName, resources, ...rest } = spec;
  const { storage: _, ...requests } = resources.requests ?? {};
  return {
    ...rest,
    volumeName: old.spec.volumeName ? volumeName : undefined,
    storageClassName: old.spec.storageClassName === undefined ? undefined : storageClassName,
    volumeAttributesClassName: bound ? undefined : volumeAttributesClassName,
    resources: bound ? { ...resources, requests } : resources,
  };
}

function checkClaimChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const { spec } = claim;
  const errors: FieldError[] = [];
  if (!deepEqual(fixedPart(spec, claim, old), fixedPart(old.spec, claim, old)))
    errors.push(
      forbidden(
        "spec",
        "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n",
      ),
    );
  const size = Quantity.parse(spec.resources.requests?.["storage"] ?? "0");
  const before = Quantity.parse(old.spec.resources.requests?.["storage"] ?? "0");
  const held = Quantity.parse(old.status.capacity?.["storage"] ?? "0");
  if (size.compare(before) < 0 && size.compare(held) <= 0)
    errors.push(forbidden("spec.resources.requests.storage", "field can not be less than status.capacity"));
  return [...errors, ...checkImmutable("volumeMode", spec.volumeMode, old.spec.volumeMode)];
}

export function checkPersistentVolumeClaim(
  claim: PersistentVolumeClaim,
  { old, subresource }: CheckContext<PersistentVolumeClaim>,
): readonly FieldError[] {
  if (subresource === "status")
    return Object.entries(claim.status.capacity ?? {}).flatMap(([name, text]) =>
      Quantity.parse(text).isNegative
        ? [invalid(at("status.capacity", name), text, "must be a valid resource quantity")]
        : [],
    );
  return [...checkClaimSpec("spec", claim.spec), ...(old ? checkClaimChange(claim, old) : [])];
}
