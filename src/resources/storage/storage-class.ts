/** StorageClass of storage.k8s.io/v1. */
import { own } from "#base/own.ts";
import { kind, resource } from "#machinery/resource.ts";
import { bool, list, map, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { topologySelectorTermShape } from "../core/references.ts";
import { ageColumn, nameColumn, boolean, text } from "#machinery/table.ts";
import { checkStorageClass } from "./storage-rules.ts";

export const storageClassShape = kind("api.storage.v1.StorageClass", {
  provisioner: string(2).always(),
  parameters: map(3, str),
  reclaimPolicy: oneOf(4, ["Recycle", "Delete", "Retain"]).keepZero().default("Delete"),
  mountOptions: list(5, str),
  allowVolumeExpansion: bool(6),
  volumeBindingMode: oneOf(7, ["Immediate", "WaitForFirstConsumer"]).keepZero().default("Immediate"),
  allowedTopologies: list(8, topologySelectorTermShape),
});
export interface StorageClass extends Infer<typeof storageClassShape> {}

const defaultMarks = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

function nameText({ metadata }: StorageClass): string {
  const isDefault = defaultMarks.some((mark) => own(metadata.annotations, mark) === "true");
  return `${metadata.name ?? ""}${isDefault ? " (default)" : ""}`;
}

export const storageClasses = resource<StorageClass>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "StorageClass",
  plural: "storageclasses",
  shortNames: ["sc"],
  namespaced: false,
  shape: storageClassShape,
  columns: [
    { ...nameColumn, value: nameText },
    text("Provisioner", (one) => one.provisioner),
    text("ReclaimPolicy", (one) => one.reclaimPolicy ?? "Delete"),
    text("VolumeBindingMode", (one) => one.volumeBindingMode ?? "Immediate"),
    boolean("AllowVolumeExpansion", (one) => one.allowVolumeExpansion ?? false),
    ageColumn,
  ],
  check: checkStorageClass,
});
