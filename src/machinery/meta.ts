/**
 * What every object has: apiVersion, kind and metadata; and the small types that resources of all groups share.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
import {
  atomicObject,
  bool,
  fieldsV1,
  int32,
  int64,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  set,
  str,
  string,
  time,
  type Holds,
  type Infer,
} from "./shape.ts";

export const ownerReference = atomicObject("apimachinery.pkg.apis.meta.v1.OwnerReference", {
  apiVersion: string(5).always(),
  kind: string(1).always(),
  name: string(3).always(),
  uid: string(4).always(),
  controller: bool(6),
  blockOwnerDeletion: bool(7),
});
export interface OwnerReference extends Infer<typeof ownerReference> {}

export const managedFieldsEntry = object("apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry", {
  manager: string(1),
  operation: string(2),
  apiVersion: string(3),
  time: time(4),
  fieldsType: string(6),
  fieldsV1: fieldsV1(7),
  subresource: string(8),
});
export interface ManagedFieldsEntry extends Infer<typeof managedFieldsEntry> {}

export const objectMeta = object("apimachinery.pkg.apis.meta.v1.ObjectMeta", {
  name: string(1),
  generateName: string(2),
  namespace: string(3),
  selfLink: string(4),
  uid: string(5),
  resourceVersion: string(6),
  generation: int64(7).dropZero(),
  creationTimestamp: time(8),
  deletionTimestamp: time(9),
  deletionGracePeriodSeconds: int64(10),
  labels: map(11, str),
  annotations: map(12, str),
  ownerReferences: listMap(13, ["uid"], ownerReference).patchMerge("uid"),
  finalizers: set(14, str).patchMerge(),
  managedFields: list(17, managedFieldsEntry),
});
export interface ObjectMeta extends Infer<typeof objectMeta> {}

export const listMeta = object("apimachinery.pkg.apis.meta.v1.ListMeta", {
  selfLink: string(1),
  resourceVersion: string(2),
  continue: string(3),
  remainingItemCount: int64(4),
});
export interface ListMeta extends Infer<typeof listMeta> {}

export const labelSelectorRequirement = object("apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement", {
  key: string(1).always(),
  operator: string(2).always(),
  values: list(3, str),
});
export interface LabelSelectorRequirement extends Infer<typeof labelSelectorRequirement> {}

export const fieldSelectorRequirement = object("apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement", {
  key: string(1).always(),
  operator: string(2).always(),
  values: list(3, str),
});
export interface FieldSelectorRequirement extends Infer<typeof fieldSelectorRequirement> {}

export const labelSelector = atomicObject("apimachinery.pkg.apis.meta.v1.LabelSelector", {
  matchLabels: map(1, str),
  matchExpressions: list(2, labelSelectorRequirement),
});
export interface LabelSelector extends Infer<typeof labelSelector> {}

export const condition = object("apimachinery.pkg.apis.meta.v1.Condition", {
  type: string(1).always(),
  status: oneOf(2, ["True", "False", "Unknown"]).always(),
  observedGeneration: int64(3).dropZero(),
  lastTransitionTime: time(4).always(),
  reason: string(5).always(),
  message: string(6).always(),
});
export interface Condition extends Infer<typeof condition> {}

export const groupVersionKind = object("apimachinery.pkg.apis.meta.v1.GroupVersionKind", {
  group: string(1).always(),
  version: string(2).always(),
  kind: string(3).always(),
});
export interface GroupVersionKind extends Infer<typeof groupVersionKind> {}

export const groupVersionResource = object("apimachinery.pkg.apis.meta.v1.GroupVersionResource", {
  group: string(1).always(),
  version: string(2).always(),
  resource: string(3).always(),
});
export interface GroupVersionResource extends Infer<typeof groupVersionResource> {}

const preconditions = object("apimachinery.pkg.apis.meta.v1.Preconditions", {
  uid: string(1).keepZero(),
  resourceVersion: string(2).keepZero(),
});

export const deleteOptions = object("apimachinery.pkg.apis.meta.v1.DeleteOptions", {
  kind: string(0),
  apiVersion: string(0),
  gracePeriodSeconds: int64(1),
  preconditions: of(2, preconditions),
  orphanDependents: bool(3),
  propagationPolicy: string(4).keepZero(),
  dryRun: list(5, str),
  ignoreStoreReadErrorWithClusterBreakingPotential: bool(6),
});
export interface DeleteOptions extends Infer<typeof deleteOptions> {}

const statusCause = object("apimachinery.pkg.apis.meta.v1.StatusCause", {
  reason: string(1),
  message: string(2),
  field: string(3),
});
export interface StatusCause extends Infer<typeof statusCause> {}

const statusDetails = object("apimachinery.pkg.apis.meta.v1.StatusDetails", {
  name: string(1),
  group: string(2),
  kind: string(3),
  causes: list(4, statusCause),
  retryAfterSeconds: int32(5).dropZero(),
  uid: string(6),
});
export interface StatusDetails extends Infer<typeof statusDetails> {}

export const status = object("apimachinery.pkg.apis.meta.v1.Status", {
  kind: string(0),
  apiVersion: string(0),
  metadata: of(1, listMeta),
  status: string(2),
  message: string(3),
  reason: string(4),
  details: of(5, statusDetails),
  code: int32(6).dropZero(),
});
export interface Status extends Infer<typeof status> {}

/** What every object is at least. Objects are frozen: who changes one makes a new one. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** A namespaced or cluster-wide name within a resource. `namespace` is "" for cluster-wide objects. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** Who an object is: what every view of one holds, too. */
export interface Named {
  readonly metadata: {
    readonly name?: string | undefined;
    readonly namespace?: string | undefined;
    readonly uid?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}

/** What an event or a reference needs of an object. */
export interface Referable extends Named {
  readonly apiVersion: string;
  readonly kind: string;
}

/** An object, or a view that holds its owners. */
export interface Owned {
  readonly metadata: {
    readonly ownerReferences?: readonly OwnerReference[] | undefined;
  } & Holds<{ readonly ownerReferences: never }>;
}

export function keyOf(object: Named): ObjectKey {
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" };
}

/** "namespace/name", or "name" when there is no namespace: the form of client-go's cache keys. */
export function keyText(key: ObjectKey): string {
  return key.namespace === "" ? key.name : `${key.namespace}/${key.name}`;
}

/** The inverse of keyText. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf("/");
  return slash < 0 ? { namespace: "", name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** A type whose properties may be set, however deep: for objects under construction. */
export type Draft<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly (infer I)[]
    ? Draft<I>[]
    : T extends object
      ? { -readonly [K in keyof T]: Draft<T[K]> }
      : T;

/** The owner that manages the object, if it has one. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}
