/** Rules of what a container mounts: volumes as folders, volumes as devices. */
import {
  child,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  type FieldError,
} from "#machinery/field-error.ts";
import { each, filled } from "#machinery/rule.ts";
import type { Container, VolumeDevice, VolumeMount } from "./container.ts";
import type { Volume } from "./volume.ts";
import { checkDescendingPath, checkNoBacksteps } from "./path-rules.ts";
import type { PodSpec } from "./pod-spec.ts";

function checkReadOnly(path: string, mount: VolumeMount): FieldError[] {
  const { recursiveReadOnly: recursive, readOnly, mountPropagation } = mount;
  if (recursive === undefined || recursive === "Disabled") return [];
  const allowed = ["Disabled", "Enabled", "IfPossible"];
  if (!allowed.includes(recursive)) return [notSupported(path, recursive, allowed)];
  const errors: FieldError[] = [];
  if (readOnly !== true) errors.push(forbidden(path, "may only be specified when readOnly is true"));
  if (mountPropagation !== undefined && mountPropagation !== "None")
    errors.push(forbidden(path, "may only be specified when mountPropagation is None or not specified"));
  return errors;
}

// As upstream: what is wrong with the parts below is said at the list, not at the item.
function checkParts(listPath: string, mount: VolumeMount, container: Container): FieldError[] {
  const { subPath, subPathExpr, mountPropagation } = mount;
  const errors = [
    ...(subPath ? checkDescendingPath(child(listPath, "subPath"), subPath) : []),
    ...(subPathExpr ? checkDescendingPath(child(listPath, "subPathExpr"), subPathExpr) : []),
    ...checkReadOnly(child(listPath, "recursiveReadOnly"), mount),
  ];
  if (mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true)
    errors.push(
      forbidden(
        child(listPath, "mountPropagation"),
        "Bidirectional mount propagation is available only to privileged containers",
      ),
    );
  return errors;
}

function checkVolumeMounts(path: string, container: Container, spec: PodSpec): FieldError[] {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
  const paths = new Set<string>();
  const deviceNames = new Set(volumeDevices.map(({ name }) => name));
  const devicePaths = new Set(volumeDevices.map(({ devicePath }) => devicePath));
  return each(path, volumeMounts, (where, mount) => {
    const { name, mountPath, subPath, subPathExpr } = mount;
    const errors = [...filled(child(where, "name"), name), ...filled(child(where, "mountPath"), mountPath)];
    if (!volumes.has(name)) errors.push(notFound(child(where, "name"), name));
    if (paths.has(mountPath)) errors.push(invalid(child(where, "mountPath"), mountPath, "must be unique"));
    paths.add(mountPath);
    if (deviceNames.has(name))
      errors.push(invalid(child(where, "name"), name, "must not already exist in volumeDevices"));
    if (devicePaths.has(mountPath))
      errors.push(invalid(child(where, "mountPath"), mountPath, "must not already exist as a path in volumeDevices"));
    if (subPath && subPathExpr)
      errors.push(invalid(child(where, "subPathExpr"), subPathExpr, "subPathExpr and subPath are mutually exclusive"));
    return [...errors, ...checkParts(path, mount, container)];
  });
}

/** @param volume The volume of that name, if the pod has one. */
function checkDevice(path: string, { name, devicePath }: VolumeDevice, volume: Volume | undefined): FieldError[] {
  const errors = filled(child(path, "name"), name);
  if (volume === undefined) errors.push(notFound(child(path, "name"), name));
  else if (!volume.persistentVolumeClaim && !volume.ephemeral)
    errors.push(
      invalid(
        child(path, "name"),
        name,
        "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
      ),
    );
  if (devicePath === "") errors.push(required(child(path, "devicePath")));
  else if (checkNoBacksteps("", devicePath).length > 0)
    errors.push(invalid(child(path, "devicePath"), devicePath, "can not contain backsteps ('..')"));
  return errors;
}

function checkDevices(path: string, container: Container, spec: PodSpec): FieldError[] {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const names = new Set<string>();
  const paths = new Set<string>();
  const mountNames = new Set(volumeMounts.map(({ name }) => name));
  const mountPaths = new Set(volumeMounts.map(({ mountPath }) => mountPath));
  const volumes = new Map((spec.volumes ?? []).toReversed().map((volume) => [volume.name, volume]));
  return each(path, volumeDevices, (where, device) => {
    const { name, devicePath } = device;
    const errors = checkDevice(where, device, volumes.get(name));
    if (names.has(name)) errors.push(invalid(child(where, "name"), name, "must be unique"));
    if (paths.has(devicePath)) errors.push(invalid(child(where, "devicePath"), devicePath, "must be unique"));
    names.add(name);
    paths.add(devicePath);
    if (mountNames.has(name))
      errors.push(invalid(child(where, "name"), name, "must not already exist in volumeMounts"));
    if (mountPaths.has(devicePath))
      errors.push(invalid(child(where, "devicePath"), devicePath, "must not already exist as a path in volumeMounts"));
    return errors;
  });
}

/** @param path Of the container. */
export function checkMounts(path: string, container: Container, spec: PodSpec): FieldError[] {
  return [
    ...checkVolumeMounts(child(path, "volumeMounts"), container, spec),
    ...checkDevices(child(path, "volumeDevices"), container, spec),
  ];
}
