/**
 * The scale subresource: the number of replicas of anything that has one, in one form.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/scale-v1/
 */
import { must } from "#base/assert.ts";
import { own } from "#base/own.ts";
import { invalid as invalidField } from "#machinery/field-error.ts";
import { applyJsonPatch } from "#machinery/json-patch.ts";
import { selectorOf, selectorOfMap } from "#machinery/label-selector.ts";
import { applyMergePatch } from "#machinery/merge-patch.ts";
import type { KubeObject, LabelSelector } from "#machinery/meta.ts";
import { untyped, type ScalePaths } from "#machinery/resource.ts";
import type { JsonValue } from "#machinery/shape.ts";
import { badRequest, invalid } from "#machinery/status.ts";
import { applyStrategicMerge } from "#machinery/strategic-merge.ts";
import { scales, scaleShape, type Scale } from "#resources/autoscaling/scale-v1.ts";
import type { Core, Draft, WriteCall } from "../call.ts";
import { viewOf } from "../render.ts";
import type { Served } from "../registry.ts";
import { decodeDraft } from "../verbs/decode.ts";
import { asJson, type PatchBody } from "../verbs/patch.ts";
import { write } from "../verbs/write.ts";
import { currentDraft } from "./current-draft.ts";

export function scalePathsOf({ definition }: Served): ScalePaths {
  return must(definition.scale, `"${definition.id}" is served with a scale but declares none`);
}

export function scaleOf(object: KubeObject, paths: ScalePaths): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector.length === 0 ? "" : selectorText(valueAt(object, paths.selector));
  const replicas = numberAt(object, paths.specReplicas);
  return {
    apiVersion: scales.apiVersion,
    kind: scales.kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: numberAt(object, paths.statusReplicas), ...(selector === "" ? {} : { selector }) },
  };
}

function valueAt(object: KubeObject, path: readonly string[]): unknown {
  let at: unknown = object;
  for (const name of path) {
    if (typeof at !== "object" || at === null) return undefined;
    // Holds because it is an object, whose members can be read by name.
    at = own(at as Readonly<Record<string, unknown>>, name);
  }
  return at;
}

function numberAt(object: KubeObject, path: readonly string[]): number {
  const value = valueAt(object, path);
  return typeof value === "number" ? value : 0;
}

function selectorText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return "";
  const isSelector = "matchLabels" in value || "matchExpressions" in value;
  // Each holds because a selector has one of these two forms.
  return String(isSelector ? selectorOf(value as LabelSelector) : selectorOfMap(value as Record<string, string>));
}

/** What a scale becomes. */
export interface NextScale {
  readonly json: JsonValue;
  readonly problems?: readonly string[];
}

/** What a patch makes of a scale. */
export function patchedScale(current: Scale, body: PatchBody): JsonValue {
  const json = asJson(current);
  switch (body.type) {
    case "json":
      return applyJsonPatch(json, body.patch);
    case "merge":
    case "apply":
      return applyMergePatch(json, body.patch);
    case "strategic":
      return applyStrategicMerge(json, body.patch, scaleShape);
  }
}

/** Sets the replicas that `next` makes of the current scale. @throws StatusError as `write` */
export async function setScale(core: Core, call: WriteCall, next: (current: Scale) => NextScale): Promise<Scale> {
  const paths = scalePathsOf(call.served);
  const definition = untyped(scales);
  const written = await write(core, call, {
    creates: "never",
    make: (current) => {
      const now = scaleOf(must(current, "a scale never creates"), paths);
      // Holds because the definition says what the decoded object is.
      const scale = decodeDraft({ definition, ...next(now) }, call) as unknown as Scale;
      checkIdentity(call, scale);
      checkScale(scale);
      return scaled(currentDraft(current), scale, paths);
    },
  });
  return scaleOf(viewOf(call.served, written.object), paths);
}

/** A scale names the object of the URL, or nothing. @throws StatusError 400 */
function checkIdentity({ key }: WriteCall, { metadata: { name = "", namespace = "" } }: Scale): void {
  if (name === "")
    throw badRequest(`the name of the object (${key.name} based on URL) was undeterminable: name must be provided`);
  if (name !== key.name)
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${key.name})`);
  if (namespace !== "" && namespace !== key.namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

function checkScale({ spec, metadata }: Scale): void {
  const { replicas = 0 } = spec;
  if (replicas >= 0) return;
  throw invalid({ group: "autoscaling", resource: "Scale", name: metadata.name ?? "" }, [
    invalidField("spec.replicas", replicas, "must be greater than or equal to 0"),
  ]);
}

function scaled(draft: Draft, { spec, metadata }: Scale, { specReplicas }: ScalePaths): Draft {
  const { uid, resourceVersion } = metadata;
  if ((uid ?? "") !== "") draft.metadata["uid"] = uid;
  if ((resourceVersion ?? "") !== "") draft.metadata["resourceVersion"] = resourceVersion;
  let at: Record<string, unknown> = draft;
  for (const name of specReplicas.slice(0, -1)) {
    // Holds because the path leads through objects.
    const inner = (own(at, name) ?? {}) as Record<string, unknown>;
    at[name] = inner;
    at = inner;
  }
  at[specReplicas.at(-1) ?? ""] = spec.replicas ?? 0;
  return draft;
}
