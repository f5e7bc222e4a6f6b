/**
 * The rules of metadata, the same for every kind: name, namespace, labels, annotations, owners, finalizers and who
 * manages which fields.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
import { deepEqual } from "./equal.ts";
import { at, child, forbidden, invalid, required, tooLong, type FieldError } from "./field-error.ts";
import type {
  LabelSelector,
  LabelSelectorRequirement,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
} from "./meta.ts";
import {
  checkPrefix,
  dnsLabel,
  labelValue,
  nameChecks,
  qualifiedName,
  type NameCheck,
  type NameRule,
} from "./names.ts";

/** Of all keys and values together. */
export const annotationsBytesMax = 256 * 1024;
const managerBytesMax = 128;
const subresourceBytesMax = 256;

/** One error for each sentence of a name check. */
export function checked(path: string, text: string, check: NameCheck): FieldError[] {
  return check(text).map((problem) => invalid(path, text, problem));
}

export function checkLabels(path: string, labels: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...checked(path, key, qualifiedName),
    ...checked(path, value, labelValue),
  ]);
}

/** Case does not matter in annotation keys, and all of them together are bounded. */
export function checkAnnotations(
  path: string,
  annotations: Readonly<Record<string, string>> | undefined,
): FieldError[] {
  let sizeBytes = 0;
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...qualifiedName(key.toLowerCase()).map((problem) => invalid(path, key, problem)));
    sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (sizeBytes > annotationsBytesMax) errors.push(tooLong(path, annotationsBytesMax));
  return errors;
}

function checkOwner(path: string, owner: OwnerReference): FieldError[] {
  const errors: FieldError[] = [];
  const parts = owner.apiVersion.split("/", 3);
  const version = parts.length > 2 ? "" : (parts.at(-1) ?? "");
  if (version === "") errors.push(invalid(child(path, "apiVersion"), owner.apiVersion, "version must not be empty"));
  for (const name of ["kind", "name", "uid"] as const)
    if (owner[name] === "") errors.push(invalid(child(path, name), "", "must not be empty"));
  if (owner.apiVersion === "v1" && owner.kind === "Event")
    errors.push(invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner"));
  return errors;
}

function checkOwners(path: string, owners: readonly OwnerReference[]): FieldError[] {
  const errors = owners.flatMap((owner) => checkOwner(path, owner));
  const [first, ...others] = owners.filter((owner) => owner.controller === true);
  for (const other of others)
    errors.push(
      invalid(
        path,
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${first?.kind}/${first?.name} and ${other.kind}/${other.name}`,
      ),
    );
  return errors;
}

const standardFinalizers: ReadonlySet<string> = new Set(["kubernetes", "orphan", "foregroundDeletion"]);

/** A finalizer of a built-in object says whose it is, unless it is one of Kubernetes' own. */
function checkQualified(finalizers: readonly string[] = []): FieldError[] {
  const sentence = "name is neither a standard finalizer name nor is it fully qualified";
  return finalizers.flatMap((finalizer, index) =>
    finalizer.includes("/") || standardFinalizers.has(finalizer)
      ? []
      : [invalid(at("metadata.finalizers", index), finalizer, sentence)],
  );
}

function checkFinalizers(path: string, finalizers: readonly string[]): FieldError[] {
  const errors = finalizers.flatMap((finalizer) => checked(path, finalizer, qualifiedName));
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion"))
    errors.push(invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  return errors;
}

function checkManagedFields(path: string, entry: ManagedFieldsEntry): FieldError[] {
  const errors: FieldError[] = [];
  if (entry.operation !== "Apply" && entry.operation !== "Update")
    errors.push(invalid(child(path, "operation"), entry.operation ?? "", "must be `Apply` or `Update`"));
  if (entry.fieldsType !== undefined && entry.fieldsType !== "FieldsV1")
    errors.push(invalid(child(path, "fieldsType"), entry.fieldsType, "must be `FieldsV1`"));
  if (Buffer.byteLength(entry.manager ?? "") > managerBytesMax)
    errors.push(tooLong(child(path, "manager"), managerBytesMax));
  if (Buffer.byteLength(entry.subresource ?? "") > subresourceBytesMax)
    errors.push(tooLong(child(path, "subresource"), subresourceBytesMax));
  return errors;
}

function checkShared(meta: ObjectMeta): FieldError[] {
  return [
    ...checkLabels("metadata.labels", meta.labels),
    ...checkAnnotations("metadata.annotations", meta.annotations),
    ...checkOwners("metadata.ownerReferences", meta.ownerReferences ?? []),
    ...(meta.managedFields ?? []).flatMap((entry, index) =>
      checkManagedFields(at("metadata.managedFields", index), entry),
    ),
  ];
}

/** What a kind says about the names of its objects. */
export interface MetaRules {
  readonly namespaced: boolean;
  readonly nameRule?: NameRule;
  readonly finalizerRule?: FinalizerRule;
}

/** Whether finalizers must be qualified, as those of all built-in kinds are but definitions of custom ones. */
export type FinalizerRule = "qualified" | "free";

/** What is wrong with the metadata of a new object, after its name was generated. */
export function checkNewMeta(meta: ObjectMeta, rules: MetaRules): FieldError[] {
  const nameCheck = nameChecks[rules.nameRule ?? "subdomain"];
  const { name = "", namespace = "", generateName = "" } = meta;
  const errors: FieldError[] = [];
  if (generateName !== "")
    for (const problem of checkPrefix(nameCheck, generateName))
      errors.push(invalid("metadata.generateName", generateName, problem));
  if (name === "") errors.push(required("metadata.name", "name or generateName is required"));
  else errors.push(...checked("metadata.name", name, nameCheck));
  if (!rules.namespaced && namespace !== "") errors.push(forbidden("metadata.namespace", "not allowed on this type"));
  if (rules.namespaced && namespace === "") errors.push(required("metadata.namespace"));
  if (rules.namespaced && namespace !== "") errors.push(...checked("metadata.namespace", namespace, dnsLabel));
  if ((meta.generation ?? 0) < 0)
    errors.push(invalid("metadata.generation", meta.generation, "must be greater than or equal to 0"));
  errors.push(...checkShared(meta), ...checkFinalizers("metadata.finalizers", meta.finalizers ?? []));
  if (rules.finalizerRule === "qualified") errors.push(...checkQualified(meta.finalizers));
  return errors;
}

const immutableNames = [
  "name",
  "namespace",
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

/** What is wrong with a change of metadata. */
export function checkMetaUpdate(meta: ObjectMeta, old: ObjectMeta, finalizerRule: FinalizerRule): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const known = new Set(old.finalizers);
    const added = (meta.finalizers ?? []).filter((finalizer) => !known.has(finalizer)).sort();
    const shown = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
    if (added.length > 0)
      errors.push(
        forbidden(
          "metadata.finalizers",
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown}}`,
        ),
      );
  }
  if ((meta.resourceVersion ?? "") === "")
    errors.push(invalid("metadata.resourceVersion", "", "must be specified for an update"));
  if ((meta.generation ?? 0) < (old.generation ?? 0))
    errors.push(invalid("metadata.generation", meta.generation ?? 0, "must not be decremented"));
  for (const name of immutableNames)
    if ((meta[name] ?? "") !== (old[name] ?? ""))
      errors.push(
        invalid(child("metadata", name), meta[name] ?? (name.endsWith("name") ? "" : undefined), "field is immutable"),
      );
  errors.push(...checkShared(meta), ...checkFinalizers("metadata.finalizers", meta.finalizers ?? []));
  if (finalizerRule === "qualified") errors.push(...checkQualified(meta.finalizers));
  return errors;
}

function checkRequirement(path: string, requirement: LabelSelectorRequirement): FieldError[] {
  const { key, operator, values = [] } = requirement;
  const errors: FieldError[] = [];
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0)
      errors.push(required(child(path, "values"), "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0)
      errors.push(
        forbidden(child(path, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      );
  } else errors.push(invalid(child(path, "operator"), operator, "not a valid selector operator"));
  errors.push(...checked(child(path, "key"), key, qualifiedName));
  for (const [index, value] of values.entries())
    errors.push(...checked(at(child(path, "values"), index), value, labelValue));
  return errors;
}

/** What is wrong with a label selector. */
export function checkSelector(path: string, selector: LabelSelector | undefined): FieldError[] {
  if (selector === undefined) return [];
  return [
    ...checkLabels(child(path, "matchLabels"), selector.matchLabels),
    ...(selector.matchExpressions ?? []).flatMap((requirement, index) =>
      checkRequirement(at(child(path, "matchExpressions"), index), requirement),
    ),
  ];
}

/** "field is immutable" when the two differ. */
export function checkImmutable(path: string, value: unknown, old: unknown): FieldError[] {
  return deepEqual(value, old) ? [] : [invalid(path, value, "field is immutable")];
}
