/** ControllerRevision of apps/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int64, rawExtension, type Infer } from "#machinery/shape.ts";

export const controllerRevisionShape = kind("api.apps.v1.ControllerRevision", {
  data: rawExtension(2),
  revision: int64(3).always(),
});
export interface ControllerRevision extends Infer<typeof controllerRevisionShape> {}

export const controllerRevisions = resource<ControllerRevision>({
  group: "apps",
  version: "v1",
  kind: "ControllerRevision",
  plural: "controllerrevisions",
  namespaced: true,
  shape: controllerRevisionShape,
});
