/** ConfigMap of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { base64Text, bool, map, str, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer } from "#machinery/table.ts";
import { checkConfigMap } from "./key-value-rules.ts";

export const configMapShape = kind("api.core.v1.ConfigMap", {
  immutable: bool(4),
  data: map(2, str),
  binaryData: map(3, base64Text),
});
export interface ConfigMap extends Infer<typeof configMapShape> {}

export const configMaps = resource<ConfigMap>({
  group: "",
  version: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  shortNames: ["cm"],
  namespaced: true,
  shape: configMapShape,
  columns: [
    nameColumn,
    integer("Data", (one) => Object.keys(one.data ?? {}).length + Object.keys(one.binaryData ?? {}).length),
    ageColumn,
  ],
  check: checkConfigMap,
});
