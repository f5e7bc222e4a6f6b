/** PodTemplate of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { podTemplateSpecShape } from "./pod-spec.ts";

export const podTemplateShape = kind("api.core.v1.PodTemplate", {
  template: of(2, podTemplateSpecShape).always().unlisted(),
});
export interface PodTemplate extends Infer<typeof podTemplateShape> {}

export const podTemplates = resource<PodTemplate>({
  group: "",
  version: "v1",
  kind: "PodTemplate",
  plural: "podtemplates",
  namespaced: true,
  shape: podTemplateShape,
});
