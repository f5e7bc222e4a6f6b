/** ResourceClaimTemplate of resource.k8s.io/v1. */
import { objectMeta } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { object, of, type Infer } from "#machinery/shape.ts";
import { resourceClaimSpecShape } from "./resource-claim-spec.ts";
import { ageColumn, nameColumn } from "#machinery/table.ts";
import { checkResourceClaimTemplate, defaultClaimSpec } from "./claim-rules.ts";

export const resourceClaimTemplateSpecShape = object("api.resource.v1.ResourceClaimTemplateSpec", {
  metadata: of(1, objectMeta).always().unlisted(),
  spec: of(2, resourceClaimSpecShape).always(),
});
export interface ResourceClaimTemplateSpec extends Infer<typeof resourceClaimTemplateSpecShape> {}

export const resourceClaimTemplateShape = kind("api.resource.v1.ResourceClaimTemplate", {
  spec: of(2, resourceClaimTemplateSpecShape).always(),
});
export interface ResourceClaimTemplate extends Infer<typeof resourceClaimTemplateShape> {}

export const resourceClaimTemplates = resource<ResourceClaimTemplate>({
  group: "resource.k8s.io",
  version: "v1",
  kind: "ResourceClaimTemplate",
  plural: "resourceclaimtemplates",
  namespaced: true,
  shape: resourceClaimTemplateShape,
  columns: [nameColumn, ageColumn],
  generationFields: [],
  defaults: ({ spec }) => defaultClaimSpec(spec.spec),
  check: checkResourceClaimTemplate,
});
