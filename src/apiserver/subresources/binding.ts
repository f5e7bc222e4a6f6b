/** Puts a pod on a node: pods/binding, and the older bindings resource. */
import { rfc3339 } from "#base/clock.ts";
import { required } from "#machinery/field-error.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import type { JsonValue } from "#machinery/shape.ts";
import { badRequest, conflict, invalid, notFound } from "#machinery/status.ts";
import { bindings, type Binding } from "#resources/core/binding.ts";
import { pods } from "#resources/core/pod.ts";
import type { Core, Draft, WriteCall } from "../call.ts";
import type { PostSubresource } from "../subresource.ts";
import { write } from "../verbs/write.ts";
import { currentDraft } from "./current-draft.ts";
import { setCondition } from "./pod-condition.ts";

export const binding: PostSubresource = { kind: "post", body: untyped(bindings), run: bind };

/** @throws StatusError 409 when the pod is bound, gated or being deleted. */
export async function bind(core: Core, call: WriteCall, object: KubeObject): Promise<JsonValue> {
  // Holds because the body was decoded by the shape of bindings.
  const posted = object as Binding;
  const name = call.key.name === "" ? (posted.metadata.name ?? "") : call.key.name;
  checkBinding(posted, name);
  const { namespace } = call.key;
  const served = core.registry.of(untyped(pods));
  if (!served) throw notFound({ group: "", resource: "pods", name });
  const key = { namespace, name };
  const podCall = { ...call, served, key, subresource: "binding" };
  await core.admission.validate({
    user: call.user,
    operation: "create",
    resource: served.definition,
    key,
    subresource: "binding",
    dryRun: call.dryRun,
    object,
    old: undefined,
    warn: call.warn,
    signal: call.signal,
  });
  await write(core, podCall, { creates: "never", make: (pod) => bound(core, currentDraft(pod), posted) });
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
}

function checkBinding({ metadata, target }: Binding, name: string): void {
  if (metadata.name !== name) throw badRequest("name in URL does not match name in Binding object");
  const kind = target.kind ?? "";
  if (kind !== "" && kind !== "Node")
    throw badRequest(`target.kind: Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`);
  if ((target.name ?? "") === "") throw invalid({ group: "", resource: "Binding", name }, [required("target.name")]);
}

function bound(core: Core, pod: Draft, posted: Binding): Draft {
  const { metadata } = pod;
  const name = String(metadata["name"]);
  const refuse = (why: string): Error => conflict({ group: "", resource: "pods/binding", name }, why);
  // Holds because the draft is a copy of a stored pod.
  const { spec, status } = pod as unknown as Record<"spec" | "status", Record<string, unknown>>;
  if (metadata["deletionTimestamp"] !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  const node = spec["nodeName"];
  if (typeof node === "string" && node !== "")
    throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(node)}`);
  const gates = spec["schedulingGates"];
  if (Array.isArray(gates) && gates.length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const { uid, resourceVersion, annotations, labels } = posted.metadata;
  if ((uid ?? "") !== "") metadata["uid"] = uid;
  if ((resourceVersion ?? "") !== "") metadata["resourceVersion"] = resourceVersion;
  spec["nodeName"] = posted.target.name;
  delete status["nominatedNodeName"];
  // Each holds because maps of metadata are objects.
  if (annotations) metadata["annotations"] = { ...(metadata["annotations"] as object), ...annotations };
  if (labels) metadata["labels"] = { ...(metadata["labels"] as object), ...labels };
  setCondition(status, { type: "PodScheduled", status: "True", lastTransitionTime: rfc3339(core.clock.nowMs()) });
  return pod;
}
