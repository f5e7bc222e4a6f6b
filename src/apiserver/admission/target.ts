/** The object of an admission request, as refusals name it. */
import type { Target } from "#machinery/status.ts";
import type { AdmissionRequest } from "../access.ts";

export function targetOf(request: AdmissionRequest): Target {
  const named = request.key.name === "" ? (request.object?.metadata.name ?? "") : request.key.name;
  return { group: request.resource.group, resource: request.resource.plural, name: named };
}

/** True for a create or update of pods themselves. */
export function writesPod(request: AdmissionRequest, operations: readonly AdmissionRequest["operation"][]): boolean {
  return request.resource.id === "pods" && request.subresource === "" && operations.includes(request.operation);
}
