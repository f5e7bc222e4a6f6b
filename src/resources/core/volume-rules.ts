/** Rules of the volumes of a pod. */
import { at, child, duplicate, forbidden, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { dnsLabel, dnsSubdomain } from "#machinery/names.ts";
import { checkAnnotations, checked, checkLabels, checkSelector } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import { each, filled } from "#machinery/rule.ts";
import { checkFieldRef, checkResourceFieldRef, volumeFieldPaths } from "./environment-rules.ts";
import { checkClaimSpec } from "./claim-spec-rules.ts";
import { checkFilePath, checkNoBacksteps } from "./path-rules.ts";
import type { PodSpec } from "./pod-spec.ts";
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, VolumeProjection } from "./volume-sources.ts";
import type { Volume } from "./volume.ts";

const modeSentence = "must be a number between 0 and 0777 (octal), both inclusive";
const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;

function checkMode(path: string, mode: number | undefined): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalid(path, mode, modeSentence)] : [];
}

function checkItem(path: string, { key, path: target, mode }: KeyToPath): FieldError[] {
  return [
    ...filled(child(path, "key"), key),
    ...filled(child(path, "path"), target),
    ...checkFilePath(child(path, "path"), target),
    ...checkMode(child(path, "mode"), mode),
  ];
}

function checkDownwardFile(path: string, file: DownwardAPIVolumeFile): FieldError[] {
  const errors = [
    ...filled(child(path, "path"), file.path),
    ...checkFilePath(child(path, "path"), file.path),
    ...checkMode(child(path, "mode"), file.mode),
  ];
  const { fieldRef, resourceFieldRef } = file;
  if (fieldRef) {
    errors.push(...checkFieldRef(child(path, "fieldRef"), fieldRef, volumeFieldPaths));
    if (resourceFieldRef)
      errors.push(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
  } else if (resourceFieldRef)
    errors.push(...checkResourceFieldRef(child(path, "resourceFieldRef"), resourceFieldRef, true));
  else errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
  return errors;
}

function checkToken(path: string, source: NonNullable<VolumeProjection["serviceAccountToken"]>): FieldError[] {
  const where = child(path, "expirationSeconds");
  const { expirationSeconds: seconds = tokenSecondsMin } = source;
  const errors: FieldError[] = [];
  if (seconds < tokenSecondsMin)
    errors.push(invalid(where, seconds, "may not specify a duration less than 10 minutes"));
  if (seconds > tokenSecondsMax)
    errors.push(invalid(where, seconds, "may not specify a duration larger than 2^32 seconds"));
  return errors;
}

function checkBundle(path: string, source: NonNullable<VolumeProjection["clusterTrustBundle"]>): FieldError[] {
  const { name, signerName, labelSelector } = source;
  const errors = [...filled(child(path, "path"), source.path), ...checkFilePath(child(path, "path"), source.path)];
  if (name !== undefined && signerName !== undefined)
    errors.push(invalid(path, source, "only one of name and signerName may be used"));
  else if (name !== undefined) {
    if (name === "") errors.push(required(child(path, "name"), "must be a valid object name"));
    if (labelSelector)
      errors.push(
        invalid(child(path, "labelSelector"), labelSelector, "labelSelector must be unset if name is specified"),
      );
  } else if (signerName !== undefined) {
    if (signerName === "") errors.push(required(child(path, "signerName"), "must be a valid signer name"));
    errors.push(...checkSelector(child(path, "labelSelector"), labelSelector));
  } else errors.push(required(path, "either name or signerName must be specified"));
  return errors;
}

/** The files a source makes: two sources may not make the same one. */
function filesOf(source: VolumeProjection): readonly string[] {
  const items = [
    ...(source.secret?.items ?? []),
    ...(source.configMap?.items ?? []),
    ...(source.downwardAPI?.items ?? []),
  ];
  const bundle = source.clusterTrustBundle ? [source.clusterTrustBundle.path] : [];
  return [...items.map((item) => item.path), ...bundle].filter((path) => path !== "");
}

function checkProjected(path: string, { sources, defaultMode }: ProjectedVolumeSource): FieldError[] {
  const errors = checkMode(child(path, "defaultMode"), defaultMode);
  const files = new Set<string>();
  for (const [index, source] of sources.entries()) {
    const where = at(child(path, "sources"), index);
    const { secret, configMap, downwardAPI, serviceAccountToken: token, clusterTrustBundle } = source;
    for (const [name, keyed] of [["secret", secret] as const, ["configMap", configMap] as const])
      if (keyed) {
        errors.push(...filled(child(child(where, name), "name"), keyed.name));
        errors.push(...each(child(child(where, name), "items"), keyed.items, checkItem));
      }
    for (const file of downwardAPI?.items ?? []) errors.push(...checkDownwardFile(child(where, "downwardAPI"), file));
    if (token) {
      errors.push(...checkToken(child(where, "serviceAccountToken"), token));
      errors.push(...filled(child(path, "path"), token.path), ...checkFilePath(child(path, "path"), token.path));
    }
    if (clusterTrustBundle) errors.push(...checkBundle(child(where, "clusterTrustBundle"), clusterTrustBundle));
    for (const file of filesOf(source)) {
      if (files.has(file)) errors.push(invalid(path, file, "conflicting duplicate paths"));
      files.add(file);
    }
    if (Object.keys(source).length > 1)
      errors.push(forbidden(where, "may not specify more than 1 volume type per source"));
  }
  return errors;
}

type SourceCheck<N extends keyof Volume> = (path: string, source: NonNullable<Volume[N]>) => readonly FieldError[];

const sourceChecks: { readonly [N in keyof Volume]?: SourceCheck<N> } = {
  emptyDir: (path, { sizeLimit }) =>
    sizeLimit !== undefined && Quantity.parse(sizeLimit).isNegative
      ? [forbidden(child(path, "sizeLimit"), "SizeLimit field must be a valid resource quantity")]
      : [],
  hostPath: (path, { path: target }) => [
    ...filled(child(path, "path"), target),
    ...checkNoBacksteps(child(path, "path"), target),
  ],
  secret: (path, { secretName, defaultMode, items }) => [
    ...filled(child(path, "secretName"), secretName),
    ...checkMode(child(path, "defaultMode"), defaultMode),
    ...each(child(path, "items"), items, checkItem),
  ],
  configMap: (path, { name, defaultMode, items }) => [
    ...filled(child(path, "name"), name),
    ...checkMode(child(path, "defaultMode"), defaultMode),
    ...each(child(path, "items"), items, checkItem),
  ],
  downwardAPI: (path, { defaultMode, items = [] }) => [
    ...checkMode(child(path, "defaultMode"), defaultMode),
    ...items.flatMap((file) => checkDownwardFile(path, file)),
  ],
  projected: checkProjected,
  persistentVolumeClaim: (path, { claimName }) => filled(child(path, "claimName"), claimName),
  nfs: (path, { server, path: target }) => [
    ...filled(child(path, "server"), server),
    ...filled(child(path, "path"), target),
    ...(target.startsWith("/") ? [] : [invalid(child(path, "path"), target, "must be an absolute path")]),
  ],
  csi: (path, { driver, nodePublishSecretRef }) => [
    ...(driver === ""
      ? [required(child(path, "driver"))]
      : checked(child(path, "driver"), driver.toLowerCase(), dnsSubdomain)),
    ...(nodePublishSecretRef && !nodePublishSecretRef.name
      ? [required(child(child(path, "nodePublishSecretRef"), "name"))]
      : []),
  ],
  image: (path, { reference }) => filled(child(path, "reference"), reference),
  ephemeral: (path, { volumeClaimTemplate: template }) => {
    const where = child(path, "volumeClaimTemplate");
    if (template === undefined) return [required(where)];
    const { labels, annotations, ...others } = template.metadata;
    return [
      ...checkLabels(child(child(where, "metadata"), "labels"), labels),
      ...checkAnnotations(child(child(where, "metadata"), "annotations"), annotations),
      ...Object.keys(others).map((name) => forbidden(child(child(where, "metadata"), name), "cannot be set")),
      ...checkClaimSpec(child(where, "spec"), template.spec),
    ];
  },
};

function checkSource(path: string, volume: Volume): FieldError[] {
  const names = Object.keys(volume).filter((name) => name !== "name");
  const [first, ...others] = names;
  const errors = others.map((name) => forbidden(child(path, name), "may not specify more than 1 volume type"));
  if (first === undefined) return [required(path, "must specify a volume type")];
  // Holds because the volume's own member of that name is given to the check of that name.
  const check = sourceChecks[first as keyof Volume] as
    | ((path: string, source: unknown) => readonly FieldError[])
    | undefined;
  return [...errors, ...(check?.(child(path, first), volume[first as keyof Volume]) ?? [])];
}

/** @param podName Of the pod, or "" for a template: the claims of ephemeral volumes are named after it. */
export function checkVolumes(path: string, { volumes = [] }: PodSpec, podName: string): FieldError[] {
  const made = new Set(volumes.filter(({ ephemeral }) => ephemeral).map(({ name }) => `${podName}-${name}`));
  const seen = new Set<string>();
  return each(path, volumes, (where, volume) => {
    const errors = checkSource(where, volume);
    if (volume.name === "") errors.push(required(child(where, "name")));
    else errors.push(...checked(child(where, "name"), volume.name, dnsLabel));
    if (seen.has(volume.name)) errors.push(duplicate(child(where, "name"), volume.name));
    seen.add(volume.name);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (podName !== "" && claim !== undefined && made.has(claim))
      errors.push(
        invalid(
          child(child(where, "persistentVolumeClaim"), "claimName"),
          claim,
          "must not reference a PVC that gets created for an ephemeral volume",
        ),
      );
    return errors;
  });
}
