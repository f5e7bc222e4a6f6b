/** Rules of what a claim asks of storage. */
import { at, child, forbidden, invalid, required, type FieldError } from "#machinery/field-error.ts";
import { dnsLabel, dnsSubdomain } from "#machinery/names.ts";
import { checked, checkSelector } from "#machinery/object-meta-rules.ts";
import { Quantity } from "#machinery/quantity.ts";
import { filled } from "#machinery/rule.ts";
import type { PersistentVolumeClaimSpec } from "./persistent-volume-claim-spec.ts";

/** A pod of its own excludes every other use. */
export function checkAccessModes(path: string, modes: readonly string[] | undefined): FieldError[] {
  if (!modes?.includes("ReadWriteOncePod") || modes.every((mode) => mode === "ReadWriteOncePod")) return [];
  return [forbidden(path, "may not use ReadWriteOncePod with other access modes")];
}

interface Source {
  readonly apiGroup?: string | undefined;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

function checkSource(path: string, source: Source | undefined): FieldError[] {
  if (source === undefined) return [];
  const { apiGroup = "", kind, name, namespace = "" } = source;
  const errors = [...filled(child(path, "name"), name), ...filled(child(path, "kind"), kind)];
  if (apiGroup === "" && kind !== "PersistentVolumeClaim")
    errors.push(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  if (apiGroup !== "") errors.push(...checked(child(path, "apiGroup"), apiGroup, dnsSubdomain));
  if (namespace !== "") errors.push(...checked(child(path, "namespace"), namespace, dnsLabel));
  return errors;
}

function checkSources(path: string, { dataSource, dataSourceRef }: PersistentVolumeClaimSpec): FieldError[] {
  const errors = [
    ...checkSource(child(path, "dataSource"), dataSource),
    ...checkSource(child(path, "dataSourceRef"), dataSourceRef),
  ];
  if (!dataSource || !dataSourceRef) return errors;
  if (dataSourceRef.namespace)
    errors.push(
      invalid(path, child(path, "dataSource"), "may not be specified when dataSourceRef.namespace is specified"),
    );
  else if (
    dataSource.apiGroup !== dataSourceRef.apiGroup ||
    dataSource.kind !== dataSourceRef.kind ||
    dataSource.name !== dataSourceRef.name
  )
    errors.push(invalid(path, child(path, "dataSource"), "must match dataSourceRef"));
  return errors;
}

export function checkClaimSpec(path: string, spec: PersistentVolumeClaimSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.accessModes) errors.push(required(child(path, "accessModes"), "at least 1 access mode is required"));
  errors.push(...checkSelector(child(path, "selector"), spec.selector));
  errors.push(...checkAccessModes(child(path, "accessModes"), spec.accessModes));
  const size = spec.resources.requests?.["storage"];
  const sizePath = at(child(path, "resources"), "storage");
  if (size === undefined) errors.push(required(sizePath));
  else if (Quantity.parse(size).compare(Quantity.zero) <= 0)
    errors.push(invalid(sizePath, size, "must be greater than zero"));
  if (spec.storageClassName)
    errors.push(...checked(child(path, "storageClassName"), spec.storageClassName, dnsSubdomain));
  if (spec.volumeAttributesClassName)
    errors.push(...checked(child(path, "volumeAttributesClassName"), spec.volumeAttributesClassName, dnsSubdomain));
  return [...errors, ...checkSources(path, spec)];
}
