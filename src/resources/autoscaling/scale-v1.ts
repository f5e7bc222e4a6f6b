/** Scale of autoscaling/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int32, object, of, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer } from "#machinery/table.ts";

export const scaleSpecShape = object("api.autoscaling.v1.ScaleSpec", {
  replicas: int32(1).dropZero(),
});
export interface ScaleSpec extends Infer<typeof scaleSpecShape> {}

export const scaleStatusShape = object("api.autoscaling.v1.ScaleStatus", {
  replicas: int32(1).always(),
  selector: string(2),
});
export interface ScaleStatus extends Infer<typeof scaleStatusShape> {}

export const scaleShape = kind("api.autoscaling.v1.Scale", {
  spec: of(2, scaleSpecShape).always().unlisted(),
  status: of(3, scaleStatusShape).always().unlisted(),
});
export interface Scale extends Infer<typeof scaleShape> {}

export const scales = resource<Scale>({
  group: "autoscaling",
  version: "v1",
  kind: "Scale",
  plural: "scales",
  namespaced: true,
  shape: scaleShape,
  columns: [
    nameColumn,
    integer("Desired", (one) => one.spec.replicas ?? 0),
    integer("Available", (one) => one.status.replicas),
    ageColumn,
  ],
  verbs: [],
});
