/** RuntimeClass of node.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { atomicMap, list, map, object, of, quantityText, str, string, type Infer } from "#machinery/shape.ts";
import { tolerationShape } from "../core/pod-spec.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkRuntimeClass } from "../cluster-rules.ts";

export const overheadShape = object("api.node.v1.Overhead", {
  podFixed: map(1, quantityText),
});
export interface Overhead extends Infer<typeof overheadShape> {}

export const schedulingShape = object("api.node.v1.Scheduling", {
  nodeSelector: atomicMap(1, str),
  tolerations: list(2, tolerationShape),
});
export interface Scheduling extends Infer<typeof schedulingShape> {}

export const runtimeClassShape = kind("api.node.v1.RuntimeClass", {
  handler: string(2).always(),
  overhead: of(3, overheadShape),
  scheduling: of(4, schedulingShape),
});
export interface RuntimeClass extends Infer<typeof runtimeClassShape> {}

export const runtimeClasses = resource<RuntimeClass>({
  group: "node.k8s.io",
  version: "v1",
  kind: "RuntimeClass",
  plural: "runtimeclasses",
  namespaced: false,
  shape: runtimeClassShape,
  columns: [nameColumn, text("Handler", (one) => one.handler), ageColumn],
  check: checkRuntimeClass,
});
