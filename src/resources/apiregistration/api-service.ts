/** APIService of apiregistration.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { bool, bytes, int32, listMap, object, of, string, time, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { checkApiService } from "../cluster-rules.ts";

export const serviceReferenceShape = object("kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference", {
  namespace: string(1),
  name: string(2),
  port: int32(3).default(443),
});
export interface ServiceReference extends Infer<typeof serviceReferenceShape> {}

export const apiServiceSpecShape = object("kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec", {
  service: of(1, serviceReferenceShape),
  group: string(2),
  version: string(3),
  insecureSkipTLSVerify: bool(4).dropZero(),
  caBundle: bytes(5),
  groupPriorityMinimum: int32(7).always(),
  versionPriority: int32(8).always(),
});
export interface APIServiceSpec extends Infer<typeof apiServiceSpecShape> {}

export const apiServiceConditionShape = object("kube-aggregator.pkg.apis.apiregistration.v1.APIServiceCondition", {
  type: string(1).always(),
  status: string(2).always(),
  lastTransitionTime: time(3),
  reason: string(4),
  message: string(5),
});
export interface APIServiceCondition extends Infer<typeof apiServiceConditionShape> {}

export const apiServiceStatusShape = object("kube-aggregator.pkg.apis.apiregistration.v1.APIServiceStatus", {
  conditions: listMap(1, ["type"], apiServiceConditionShape).patchMerge("type"),
});
export interface APIServiceStatus extends Infer<typeof apiServiceStatusShape> {}

export const apiServiceShape = kind("kube-aggregator.pkg.apis.apiregistration.v1.APIService", {
  spec: of(2, apiServiceSpecShape).always().unlisted(),
  status: of(3, apiServiceStatusShape).always().unlisted(),
});
export interface APIService extends Infer<typeof apiServiceShape> {}

function availableText({ status }: APIService): string {
  const available = status.conditions?.find(({ type }) => type === "Available");
  if (available === undefined) return "Unknown";
  return available.status === "True" ? "True" : `${available.status} (${available.reason ?? ""})`;
}

export const apiServices = resource<APIService>({
  group: "apiregistration.k8s.io",
  version: "v1",
  kind: "APIService",
  plural: "apiservices",
  categories: ["api-extensions"],
  namespaced: false,
  shape: apiServiceShape,
  generationFields: [],
  columns: [
    nameColumn,
    text("Service", ({ spec: { service } }) =>
      service ? `${service.namespace ?? ""}/${service.name ?? ""}` : "Local",
    ),
    text("Available", availableText),
    ageColumn,
  ],
  check: checkApiService,
});
