/** Pod of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { of, type Infer } from "#machinery/shape.ts";
import { podSpecShape } from "./pod-spec.ts";
import { podStatusShape } from "./pod-status.ts";
import { podColumns, podCompleted } from "./pod-columns.ts";
import { defaultPod } from "./pod-defaults.ts";
import { preparePod } from "./pod-prepare.ts";
import { checkPod } from "./pod-rules.ts";

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
  defaults: defaultPod,
  selectableFields: {
    "spec.nodeName": ({ spec }) => spec.nodeName ?? "",
    "spec.restartPolicy": ({ spec }) => spec.restartPolicy ?? "",
    "spec.schedulerName": ({ spec }) => spec.schedulerName ?? "",
    "spec.serviceAccountName": ({ spec }) => spec.serviceAccountName ?? "",
    "spec.hostNetwork": ({ spec }) => String(spec.hostNetwork ?? false),
    "status.phase": ({ status }) => status.phase ?? "",
    "status.podIP": ({ status }) => status.podIPs?.[0]?.ip ?? status.podIP ?? "",
    "status.nominatedNodeName": ({ status }) => status.nominatedNodeName ?? "",
  },
  indexedField: "spec.nodeName",
  prepare: preparePod,
  check: checkPod,
});
