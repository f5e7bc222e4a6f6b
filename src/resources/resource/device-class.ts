/** DeviceClass of resource.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { inline, list, object, of, string, type Infer } from "#machinery/shape.ts";
import { deviceConfigurationShape } from "./device-configuration.ts";
import { deviceSelectorShape } from "./device-selector.ts";
import { ageColumn, nameColumn } from "#machinery/table.ts";

export const deviceClassConfigurationShape = object("api.resource.v1.DeviceClassConfiguration", {
  deviceConfiguration: inline(1, deviceConfigurationShape),
});
export interface DeviceClassConfiguration extends Infer<typeof deviceClassConfigurationShape> {}

export const deviceClassSpecShape = object("api.resource.v1.DeviceClassSpec", {
  selectors: list(1, deviceSelectorShape),
  config: list(2, deviceClassConfigurationShape),
  extendedResourceName: string(4).keepZero(),
});
export interface DeviceClassSpec extends Infer<typeof deviceClassSpecShape> {}

export const deviceClassShape = kind("api.resource.v1.DeviceClass", {
  spec: of(2, deviceClassSpecShape).always(),
});
export interface DeviceClass extends Infer<typeof deviceClassShape> {}

export const deviceClasses = resource<DeviceClass>({
  group: "resource.k8s.io",
  version: "v1",
  kind: "DeviceClass",
  plural: "deviceclasses",
  namespaced: false,
  shape: deviceClassShape,
  columns: [nameColumn, ageColumn],
});
