/** ControllerRevision of apps/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { int64, rawExtension, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { controllerOf } from "#machinery/meta.ts";
import { checkControllerRevision } from "./set-rules.ts";

export const controllerRevisionShape = kind("api.apps.v1.ControllerRevision", {
  data: rawExtension(2),
  revision: int64(3).always(),
});
export interface ControllerRevision extends Infer<typeof controllerRevisionShape> {}

/** The owner as `kubectl` names it: "daemonset.apps/web". */
function ownerText(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (owner === undefined) return "<none>";
  const slash = owner.apiVersion.indexOf("/");
  const group = slash < 0 ? "" : `.${owner.apiVersion.slice(0, slash)}`;
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

export const controllerRevisions = resource<ControllerRevision>({
  group: "apps",
  version: "v1",
  kind: "ControllerRevision",
  plural: "controllerrevisions",
  namespaced: true,
  shape: controllerRevisionShape,
  columns: [nameColumn, text("Controller", ownerText), integer("Revision", (one) => one.revision), ageColumn],
  check: checkControllerRevision,
});
