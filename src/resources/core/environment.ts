/** Environment: messages that kinds of core/v1 are made of. */
import { atomicObject, bool, inline, object, of, quantity, string, type Infer } from "#machinery/shape.ts";
import { localObjectReferenceShape } from "./references.ts";

export const objectFieldSelectorShape = atomicObject("api.core.v1.ObjectFieldSelector", {
  apiVersion: string(1).default("v1"),
  fieldPath: string(2).always(),
});
export interface ObjectFieldSelector extends Infer<typeof objectFieldSelectorShape> {}

export const resourceFieldSelectorShape = atomicObject("api.core.v1.ResourceFieldSelector", {
  containerName: string(1),
  resource: string(2).always(),
  divisor: quantity(3).always().unlisted(),
});
export interface ResourceFieldSelector extends Infer<typeof resourceFieldSelectorShape> {}

export const configMapEnvSourceShape = object("api.core.v1.ConfigMapEnvSource", {
  localObjectReference: inline(1, localObjectReferenceShape),
  optional: bool(2),
});
export interface ConfigMapEnvSource extends Infer<typeof configMapEnvSourceShape> {}

export const secretEnvSourceShape = object("api.core.v1.SecretEnvSource", {
  localObjectReference: inline(1, localObjectReferenceShape),
  optional: bool(2),
});
export interface SecretEnvSource extends Infer<typeof secretEnvSourceShape> {}

export const envFromSourceShape = object("api.core.v1.EnvFromSource", {
  prefix: string(1),
  configMapRef: of(2, configMapEnvSourceShape),
  secretRef: of(3, secretEnvSourceShape),
});
export interface EnvFromSource extends Infer<typeof envFromSourceShape> {}

export const configMapKeySelectorShape = atomicObject("api.core.v1.ConfigMapKeySelector", {
  localObjectReference: inline(1, localObjectReferenceShape),
  key: string(2).always(),
  optional: bool(3),
});
export interface ConfigMapKeySelector extends Infer<typeof configMapKeySelectorShape> {}

export const secretKeySelectorShape = atomicObject("api.core.v1.SecretKeySelector", {
  localObjectReference: inline(1, localObjectReferenceShape),
  key: string(2).always(),
  optional: bool(3),
});
export interface SecretKeySelector extends Infer<typeof secretKeySelectorShape> {}

export const fileKeySelectorShape = atomicObject("api.core.v1.FileKeySelector", {
  volumeName: string(1).always(),
  path: string(2).always(),
  key: string(3).always(),
  optional: bool(4).default(false),
});
export interface FileKeySelector extends Infer<typeof fileKeySelectorShape> {}

export const envVarSourceShape = object("api.core.v1.EnvVarSource", {
  fieldRef: of(1, objectFieldSelectorShape),
  resourceFieldRef: of(2, resourceFieldSelectorShape),
  configMapKeyRef: of(3, configMapKeySelectorShape),
  secretKeyRef: of(4, secretKeySelectorShape),
  fileKeyRef: of(5, fileKeySelectorShape),
});
export interface EnvVarSource extends Infer<typeof envVarSourceShape> {}

export const envVarShape = object("api.core.v1.EnvVar", {
  name: string(1).always(),
  value: string(2),
  valueFrom: of(3, envVarSourceShape),
});
export interface EnvVar extends Infer<typeof envVarShape> {}
