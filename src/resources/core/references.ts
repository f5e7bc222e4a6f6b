/** References: messages that kinds of core/v1 are made of. */
import { atomicObject, list, object, str, string, type Infer } from "#machinery/shape.ts";

export const secretReferenceShape = atomicObject("api.core.v1.SecretReference", {
  name: string(1),
  namespace: string(2),
});
export interface SecretReference extends Infer<typeof secretReferenceShape> {}

export const objectReferenceShape = atomicObject("api.core.v1.ObjectReference", {
  kind: string(1),
  namespace: string(2),
  name: string(3),
  uid: string(4),
  apiVersion: string(5),
  resourceVersion: string(6),
  fieldPath: string(7),
});
export interface ObjectReference extends Infer<typeof objectReferenceShape> {}

export const typedLocalObjectReferenceShape = atomicObject("api.core.v1.TypedLocalObjectReference", {
  apiGroup: string(1).keepZero(),
  kind: string(2).always(),
  name: string(3).always(),
});
export interface TypedLocalObjectReference extends Infer<typeof typedLocalObjectReferenceShape> {}

export const typedObjectReferenceShape = object("api.core.v1.TypedObjectReference", {
  apiGroup: string(1).keepZero(),
  kind: string(2).always(),
  name: string(3).always(),
  namespace: string(4).keepZero(),
});
export interface TypedObjectReference extends Infer<typeof typedObjectReferenceShape> {}

export const localObjectReferenceShape = atomicObject("api.core.v1.LocalObjectReference", {
  name: string(1),
});
export interface LocalObjectReference extends Infer<typeof localObjectReferenceShape> {}

export const topologySelectorLabelRequirementShape = object("api.core.v1.TopologySelectorLabelRequirement", {
  key: string(1).always(),
  values: list(2, str).always(),
});
export interface TopologySelectorLabelRequirement extends Infer<typeof topologySelectorLabelRequirementShape> {}

export const topologySelectorTermShape = atomicObject("api.core.v1.TopologySelectorTerm", {
  matchLabelExpressions: list(1, topologySelectorLabelRequirementShape),
});
export interface TopologySelectorTerm extends Infer<typeof topologySelectorTermShape> {}
