/** Rules of the kinds of the storage group. */
import {
  child,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { dnsSubdomain, qualifiedName } from "#machinery/names.ts";
import { checked, checkImmutable, checkSelector } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { CSIDriver } from "./csi-driver.ts";
import type { CSINode } from "./csi-node.ts";
import type { CSIStorageCapacity } from "./csi-storage-capacity.ts";
import type { StorageClass } from "./storage-class.ts";
import type { VolumeAttachment } from "./volume-attachment.ts";
import type { VolumeAttributesClass } from "./volume-attributes-class.ts";

const parametersMax = 512;
const parameterBytesMax = 256 * 1024;
const driverNameMax = 63;

function checkParameters(parameters: Readonly<Record<string, string>> = {}): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > parametersMax) return [tooLong("parameters", parametersMax)];
  const errors: FieldError[] = [];
  let sizeBytes = 0;
  for (const [key, value] of entries) {
    if (key === "") errors.push(invalid("parameters", key, "field can not be empty."));
    sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return sizeBytes > parameterBytesMax ? [...errors, tooLong("parameters", parameterBytesMax)] : errors;
}

export function checkStorageClass(cls: StorageClass, { old }: CheckContext<StorageClass>): readonly FieldError[] {
  const { provisioner, parameters } = cls;
  const errors = [
    ...(provisioner === ""
      ? [required("provisioner")]
      : qualifiedName(provisioner.toLowerCase()).map((problem) => invalid("provisioner", provisioner, problem))),
    ...checkParameters(parameters),
  ];
  if (!old) return errors;
  if (!deepEqual(old.parameters ?? {}, parameters ?? {}))
    errors.push(forbidden("parameters", "updates to parameters are forbidden."));
  if (old.provisioner !== provisioner) errors.push(forbidden("provisioner", "updates to provisioner are forbidden."));
  if (old.reclaimPolicy !== cls.reclaimPolicy)
    errors.push(forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."));
  return [...errors, ...checkImmutable("volumeBindingMode", cls.volumeBindingMode, old.volumeBindingMode)];
}

function checkDriverName(path: string, name: string): FieldError[] {
  if (name === "") return [required(path)];
  const errors = name.length > driverNameMax ? [tooLong(path, driverNameMax)] : [];
  return [...errors, ...dnsSubdomain(name.toLowerCase()).map((problem) => invalid(path, name, problem))];
}

export function checkVolumeAttributesClass(
  { driverName, parameters }: VolumeAttributesClass,
  { old }: CheckContext<VolumeAttributesClass>,
): readonly FieldError[] {
  const errors = [...checkDriverName("driverName", driverName), ...checkParameters(parameters)];
  if (!parameters) errors.push(required("parameters", "must contain at least one key/value pair"));
  if (old && old.driverName !== driverName)
    errors.push(forbidden("driverName", "updates to driverName are forbidden."));
  if (old && !deepEqual(old.parameters, parameters))
    errors.push(forbidden("parameters", "updates to parameters are forbidden."));
  return errors;
}

export function checkVolumeAttachment(
  { spec }: VolumeAttachment,
  { old, subresource }: CheckContext<VolumeAttachment>,
): readonly FieldError[] {
  if (subresource === "status") return [];
  const { attacher, nodeName, source } = spec;
  const { persistentVolumeName: volume, inlineVolumeSpec } = source;
  const errors = [...checkDriverName("spec.attacher", attacher), ...checked("spec.nodeName", nodeName, dnsSubdomain)];
  if (volume === undefined && !inlineVolumeSpec)
    errors.push(required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
  if (volume !== undefined && inlineVolumeSpec)
    errors.push(forbidden("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName"));
  if (volume === "") errors.push(required("spec.source.persistentVolumeName", "must not be empty"));
  if (old && !deepEqual(old.spec, spec)) errors.push(invalid("spec", spec, "field is immutable"));
  return errors;
}

const lifecycleModes = ["Ephemeral", "Persistent"];
const groupPolicies = ["File", "None", "ReadWriteOnceWithFSType"];
const fixedDriverFields = ["attachRequired", "volumeLifecycleModes"] as const;

export function checkCsiDriver({ metadata, spec }: CSIDriver, { old }: CheckContext<CSIDriver>): readonly FieldError[] {
  const { volumeLifecycleModes = [], fsGroupPolicy = "File", tokenRequests = [] } = spec;
  const audiences = new Set<string>();
  const errors = [
    ...checkDriverName("metadata.name", metadata.name ?? ""),
    ...volumeLifecycleModes
      .filter((mode) => !lifecycleModes.includes(mode))
      .map((mode) => notSupported("spec.volumeLifecycleModes", mode, lifecycleModes)),
    ...(groupPolicies.includes(fsGroupPolicy)
      ? []
      : [notSupported("spec.fsGroupPolicy", fsGroupPolicy, groupPolicies)]),
    ...each("spec.tokenRequests", tokenRequests, (path, { audience, expirationSeconds: seconds }) => {
      const found = audiences.has(audience) ? [duplicate(child(path, "audience"), audience)] : [];
      audiences.add(audience);
      const where = child(path, "expirationSeconds");
      if (seconds !== undefined && seconds < 600)
        found.push(invalid(where, seconds, "may not specify a duration less than 10 minutes"));
      if (seconds !== undefined && seconds > 2 ** 32)
        found.push(invalid(where, seconds, "may not specify a duration larger than 2^32 seconds"));
      return found;
    }),
  ];
  if (!old) return errors;
  return [
    ...errors,
    ...fixedDriverFields.flatMap((name) => checkImmutable(child("spec", name), spec[name], old.spec[name])),
  ];
}

export function checkCsiNode({ spec }: CSINode, { old }: CheckContext<CSINode>): readonly FieldError[] {
  const names = new Set<string>();
  const byName = new Map(old?.spec.drivers.map((one) => [one.name, one]));
  return each("spec.drivers", spec.drivers, (path, driver) => {
    const { name, nodeID, topologyKeys, allocatable } = driver;
    const errors = checkDriverName(child(path, "name"), name);
    if (names.has(name)) errors.push(duplicate(child(path, "name"), name));
    names.add(name);
    if (nodeID === "") errors.push(required(child(path, "nodeID")));
    for (const key of topologyKeys) errors.push(...checked(child(path, "topologyKeys"), key, qualifiedName));
    if ((allocatable?.count ?? 0) < 0)
      errors.push(invalid(`${path}.allocatable.count`, allocatable?.count, "must be greater than or equal to 0"));
    const before = byName.get(name);
    if (before && before.nodeID !== nodeID) errors.push(invalid("spec.drivers", driver, "field is immutable"));
    return errors;
  });
}

export function checkCsiStorageCapacity(
  capacity: CSIStorageCapacity,
  { old }: CheckContext<CSIStorageCapacity>,
): readonly FieldError[] {
  const errors = [
    ...checked("storageClassName", capacity.storageClassName, dnsSubdomain),
    ...checkSelector("nodeTopology", capacity.nodeTopology),
  ];
  for (const name of ["capacity", "maximumVolumeSize"] as const) {
    const text = capacity[name];
    if (text !== undefined && Quantity.parse(text).isNegative)
      errors.push(invalid(name, text, "must be greater than or equal to 0"));
  }
  return old
    ? [
        ...errors,
        ...checkImmutable("nodeTopology", capacity.nodeTopology, old.nodeTopology),
        ...checkImmutable("storageClassName", capacity.storageClassName, old.storageClassName),
      ]
    : errors;
}
