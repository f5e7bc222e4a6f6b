/** Rules of environment variables and of fields of a pod that its containers may see. */
import { at, child, invalid, notFound, notSupported, required, type FieldError } from "#machinery/field-error.ts";
import { configKey, dnsLabel, dnsSubdomain, environmentName, qualifiedName } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import { filled } from "#machinery/rule.ts";
import type { Container } from "./container.ts";
import type { EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from "./environment.ts";
import { checkNoBacksteps } from "./path-rules.ts";
import type { PodSpec } from "./pod-spec.ts";

const environmentFieldPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
export const volumeFieldPaths = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
];
const knownFieldPaths = new Set([...environmentFieldPaths, ...volumeFieldPaths]);
const resources = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];
const byteDivisors = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

export function checkFieldRef(path: string, ref: ObjectFieldSelector, allowed: readonly string[]): FieldError[] {
  const { fieldPath } = ref;
  const where = child(path, "fieldPath");
  if (!ref.apiVersion) return [required(child(path, "apiVersion"))];
  if (fieldPath === "") return [required(where)];
  const [, parent = "", key] = /^([^[]+)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (key !== undefined) {
    if (parent === "metadata.annotations") return checked(path, key.toLowerCase(), qualifiedName);
    if (parent === "metadata.labels") return checked(path, key, qualifiedName);
    return [invalid(path, parent, "does not support subscript")];
  }
  if (!knownFieldPaths.has(fieldPath))
    return [invalid(where, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)];
  return allowed.includes(fieldPath) ? [] : [notSupported(where, fieldPath, allowed)];
}

function checkDivisor(path: string, { resource, divisor }: ResourceFieldSelector): FieldError[] {
  if (Quantity.parse(divisor).isZero) return [];
  const isCpu = resource.endsWith(".cpu");
  const allowed = isCpu ? ["1m", "1"] : byteDivisors;
  if (allowed.includes(divisor)) return [];
  const kinds: readonly (readonly [string, string])[] = [
    ["memory", "memory"],
    ["ephemeral-storage", "local ephemeral storage"],
    ["hugepages-", "hugepages"],
  ];
  const kind = kinds.find(([part]) => resource.includes(`.${part}`))?.[1];
  if (isCpu) return [invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")];
  if (kind === undefined) return [];
  return [
    invalid(path, resource, `only divisor's values ${byteDivisors.join(", ")} are supported with the ${kind} resource`),
  ];
}

/** @param inVolume Where the container must be named. */
export function checkResourceFieldRef(path: string, ref: ResourceFieldSelector, inVolume: boolean): FieldError[] {
  const { containerName, resource } = ref;
  const errors: FieldError[] = [];
  const known = resources.includes(resource) || /^(?:requests|limits)\.hugepages-/.test(resource);
  if (inVolume && !containerName) errors.push(required(child(path, "containerName")));
  else if (resource === "") errors.push(required(child(path, "resource")));
  else if (!known) errors.push(notSupported(child(path, "resource"), resource, resources));
  return [...errors, ...checkDivisor(child(path, "divisor"), ref)];
}

interface KeyRef {
  readonly name?: string | undefined;
  readonly key: string;
}

function checkKeyRef(path: string, { name = "", key }: KeyRef): FieldError[] {
  const where = child(path, "key");
  return [
    ...checked(child(path, "name"), name, dnsSubdomain),
    ...(key === "" ? [required(where)] : checked(where, key, configKey)),
  ];
}

function checkFileRef(path: string, ref: NonNullable<EnvVarSource["fileKeyRef"]>): FieldError[] {
  const { key, volumeName, path: target } = ref;
  return [
    ...(key === "" ? [required(child(path, "key"))] : checked(child(path, "key"), key, environmentName)),
    ...(volumeName === ""
      ? [required(child(path, "volumeName"))]
      : checked(child(path, "volumeName"), volumeName, dnsLabel)),
    ...(target === "" ? [required(child(path, "path"))] : checkNoBacksteps(child(path, "path"), target)),
  ];
}

function checkValueFrom(path: string, { value, valueFrom }: EnvVar): FieldError[] {
  if (valueFrom === undefined) return [];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  const errors: FieldError[] = [];
  if (fieldRef) errors.push(...checkFieldRef(child(path, "fieldRef"), fieldRef, environmentFieldPaths));
  if (resourceFieldRef) errors.push(...checkResourceFieldRef(child(path, "resourceFieldRef"), resourceFieldRef, false));
  if (configMapKeyRef) errors.push(...checkKeyRef(child(path, "configMapKeyRef"), configMapKeyRef));
  if (secretKeyRef) errors.push(...checkKeyRef(child(path, "secretKeyRef"), secretKeyRef));
  if (fileKeyRef) errors.push(...checkFileRef(child(path, "fileKeyRef"), fileKeyRef));
  const count = Object.keys(valueFrom).length;
  if (count === 0)
    errors.push(
      invalid(
        path,
        "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
      ),
    );
  else if (value) errors.push(invalid(path, "", "may not be specified when `value` is not empty"));
  else if (count > 1) errors.push(invalid(path, "", "may not have more than one field specified at a time"));
  return errors;
}

export function checkVariable(path: string, variable: EnvVar): FieldError[] {
  const where = child(path, "name");
  return [
    ...(variable.name === "" ? [required(where)] : checked(where, variable.name, environmentName)),
    ...checkValueFrom(child(path, "valueFrom"), variable),
  ];
}

/** @param listPath Of the whole list: what is wrong with the choice of sources is said there, as upstream does. */
export function checkVariables(listPath: string, source: EnvFromSource, index: number): FieldError[] {
  const path = at(listPath, index);
  const { prefix, configMapRef, secretRef } = source;
  const errors = prefix ? checked(child(path, "prefix"), prefix, environmentName) : [];
  for (const [name, ref] of [["configMapRef", configMapRef] as const, ["secretRef", secretRef] as const]) {
    if (ref === undefined) continue;
    const where = child(child(path, name), "name");
    errors.push(...(ref.name ? checked(where, ref.name, dnsSubdomain) : filled(where, ref.name)));
  }
  if (!configMapRef && !secretRef)
    errors.push(invalid(listPath, "", "must specify one of: `configMapRef` or `secretRef`"));
  else if (configMapRef && secretRef)
    errors.push(invalid(listPath, "", "may not have more than one field specified at a time"));
  return errors;
}

/** Files of variables lie in an emptyDir volume of the pod. */
export function checkFileVolumes(path: string, { env = [] }: Container, { volumes = [] }: PodSpec): FieldError[] {
  const byName = new Map(volumes.toReversed().map((volume) => [volume.name, volume]));
  return env.flatMap(({ valueFrom }, index) => {
    const name = valueFrom?.fileKeyRef?.volumeName;
    if (name === undefined) return [];
    const where = `${at(child(path, "env"), index)}.valueFrom.fileKeyRef.volumeName`;
    const volume = byName.get(name);
    if (volume === undefined) return [notFound(where, name)];
    return volume.emptyDir ? [] : [invalid(where, name, "referenced volume must be of type emptyDir")];
  });
}
