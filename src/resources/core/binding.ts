/** Binding of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { objectReferenceShape } from "./references.ts";

export const bindingShape = kind("api.core.v1.Binding", {
  target: of(2, objectReferenceShape).always(),
});
export interface Binding extends Infer<typeof bindingShape> {}

export const bindings = resource<Binding>({
  group: "",
  version: "v1",
  kind: "Binding",
  plural: "bindings",
  namespaced: true,
  shape: bindingShape,
  verbs: ["create"],
});
