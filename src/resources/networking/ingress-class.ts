/** IngressClass of networking.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { object, of, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkIngressClass } from "./ingress-rules.ts";

export const ingressClassParametersReferenceShape = object("api.networking.v1.IngressClassParametersReference", {
  apiGroup: string(1).keepZero(),
  kind: string(2).always(),
  name: string(3).always(),
  scope: string(4).keepZero().default("Cluster"),
  namespace: string(5).keepZero(),
});
export interface IngressClassParametersReference extends Infer<typeof ingressClassParametersReferenceShape> {}

export const ingressClassSpecShape = object("api.networking.v1.IngressClassSpec", {
  controller: string(1),
  parameters: of(2, ingressClassParametersReferenceShape),
});
export interface IngressClassSpec extends Infer<typeof ingressClassSpecShape> {}

export const ingressClassShape = kind("api.networking.v1.IngressClass", {
  spec: of(2, ingressClassSpecShape).always().unlisted(),
});
export interface IngressClass extends Infer<typeof ingressClassShape> {}

function parametersText({ spec: { parameters } }: IngressClass): string {
  if (parameters === undefined) return "<none>";
  const group = parameters.apiGroup === undefined ? "" : `.${parameters.apiGroup}`;
  return `${parameters.kind}${group}/${parameters.name}`;
}

export const ingressClasses = resource<IngressClass>({
  group: "networking.k8s.io",
  version: "v1",
  kind: "IngressClass",
  plural: "ingressclasses",
  namespaced: false,
  shape: ingressClassShape,
  columns: [
    nameColumn,
    text("Controller", (one) => one.spec.controller),
    text("Parameters", parametersText),
    ageColumn,
  ],
  check: checkIngressClass,
});
