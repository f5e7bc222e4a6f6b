/** PodTemplate of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { podTemplateSpecShape } from "./pod-spec.ts";
import { nameColumn, text } from "#machinery/table.ts";
import { containerImages, containerNames, labelsText } from "../column-texts.ts";
import { defaultTemplate } from "./pod-defaults.ts";
import { checkTemplate } from "./pod-rules.ts";

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
  columns: [
    nameColumn,
    text("Containers", (one) => containerNames(one.template.spec.containers)),
    text("Images", (one) => containerImages(one.template.spec.containers)),
    text("Pod Labels", (one) => labelsText(one.template.metadata.labels)),
  ],
  defaults: ({ template }) => defaultTemplate(template),
  generationFields: ["template"],
  check: ({ template }) => checkTemplate("template", template),
});
