/** Pod of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { podSpecShape } from "./pod-spec.ts";
import { podStatusShape } from "./pod-status.ts";
import { podColumns, podCompleted } from "./pod-columns.ts";

export const podShape = kind("api.core.v1.Pod", {
  spec: of(2, podSpecShape).always().unlisted(),
  status: of(3, podStatusShape).always().unlisted(),
});
export interface Pod extends Infer<typeof podShape> {}

export const pods = resource<Pod>({
  group: "",
  version: "v1",
  kind: "Pod",
  plural: "pods",
  shortNames: ["po"],
  categories: ["all"],
  namespaced: true,
  shape: podShape,
  columns: podColumns,
  completed: podCompleted,
});
