/** VolumeAttachment of storage.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, int32, map, object, of, str, string, time, type Infer } from "#machinery/shape.ts";
import { persistentVolumeSpecShape } from "../core/persistent-volume-sources.ts";
import { ageColumn, nameColumn, boolean, text } from "#machinery/table.ts";
import { checkVolumeAttachment } from "./storage-rules.ts";

export const volumeAttachmentSourceShape = object("api.storage.v1.VolumeAttachmentSource", {
  persistentVolumeName: string(1).keepZero(),
  inlineVolumeSpec: of(2, persistentVolumeSpecShape),
});
export interface VolumeAttachmentSource extends Infer<typeof volumeAttachmentSourceShape> {}

export const volumeAttachmentSpecShape = object("api.storage.v1.VolumeAttachmentSpec", {
  attacher: string(1).always(),
  source: of(2, volumeAttachmentSourceShape).always(),
  nodeName: string(3).always(),
});
export interface VolumeAttachmentSpec extends Infer<typeof volumeAttachmentSpecShape> {}

export const volumeErrorShape = object("api.storage.v1.VolumeError", {
  time: time(1),
  message: string(2),
  errorCode: int32(3),
});
export interface VolumeError extends Infer<typeof volumeErrorShape> {}

export const volumeAttachmentStatusShape = object("api.storage.v1.VolumeAttachmentStatus", {
  attached: bool(1).always(),
  attachmentMetadata: map(2, str),
  attachError: of(3, volumeErrorShape),
  detachError: of(4, volumeErrorShape),
});
export interface VolumeAttachmentStatus extends Infer<typeof volumeAttachmentStatusShape> {}

export const volumeAttachmentShape = kind("api.storage.v1.VolumeAttachment", {
  spec: of(2, volumeAttachmentSpecShape).always(),
  status: of(3, volumeAttachmentStatusShape).always().unlisted(),
});
export interface VolumeAttachment extends Infer<typeof volumeAttachmentShape> {}

export const volumeAttachments = resource<VolumeAttachment>({
  group: "storage.k8s.io",
  version: "v1",
  kind: "VolumeAttachment",
  plural: "volumeattachments",
  namespaced: false,
  shape: volumeAttachmentShape,
  columns: [
    nameColumn,
    text("Attacher", (one) => one.spec.attacher),
    text("PV", (one) => one.spec.source.persistentVolumeName ?? ""),
    text("Node", (one) => one.spec.nodeName),
    boolean("Attached", (one) => one.status.attached),
    ageColumn,
  ],
  generationFields: [],
  check: checkVolumeAttachment,
});
