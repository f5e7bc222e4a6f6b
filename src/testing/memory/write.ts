/** What a memory cluster makes of a write before it is stored: decoded, with defaults, patched, with managed fields. */
import type { Clock } from "#base/clock.ts";
import type { Patch, WriteOptions } from "#client/client.ts";
import { applyPatch, trackUpdate, type FieldWrite } from "#machinery/apply.ts";
import { applyDefaults, decode } from "#machinery/decode.ts";
import { isObject } from "#machinery/json-object.ts";
import { applyJsonPatch } from "#machinery/json-patch.ts";
import { applyMergePatch } from "#machinery/merge-patch.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { badRequest } from "#machinery/status.ts";
import { applyStrategicMerge } from "#machinery/strategic-merge.ts";

export interface Write {
  readonly definition: ResourceDefinition;
  readonly live: KubeObject | undefined;
  readonly options: WriteOptions & { readonly fieldManager: string };
}

export function prepared(write: Write, object: JsonObject, clock: Clock): KubeObject {
  const decoded = kept(write, decodedAs(write.definition, object));
  return asObject(trackUpdate(fieldWrite(write, clock), decoded));
}

export function patched(
  write: Write,
  { patch, key }: { readonly patch: Patch; readonly key: ObjectKey },
  clock: Clock,
): KubeObject {
  if (patch.type === "apply") {
    const named = withKey(patch.body, key);
    const merged = applyPatch({ ...fieldWrite(write, clock), force: patch.force }, named);
    return asObject(kept(write, decodedAs(write.definition, merged)));
  }
  const live = asJson(write.live);
  const { shape } = write.definition;
  const result =
    patch.type === "json"
      ? applyJsonPatch(live, patch.operations)
      : patch.type === "merge"
        ? applyMergePatch(live, patch.body)
        : applyStrategicMerge(live, patch.body, shape);
  return prepared(write, objectOf(result), clock);
}

function decodedAs(definition: ResourceDefinition, value: JsonValue): JsonObject {
  const { object } = decode(definition.shape, value);
  applyDefaults(definition.shape, object);
  definition.defaults?.(object);
  return { ...(object as JsonObject), apiVersion: definition.apiVersion, kind: definition.kind };
}

/** A write of the object leaves its status alone, and a write of the status everything else. */
function kept({ definition, live, options }: Write, object: JsonObject): JsonObject {
  if (!definition.status || !live) return object;
  const stored = asJson(live);
  if (options.subresource !== "status") return { ...object, status: stored["status"] };
  const sent = objectOf(object["metadata"] ?? {});
  const { resourceVersion } = sent;
  const metadata = {
    ...objectOf(stored["metadata"] ?? {}),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return { ...stored, metadata, status: object["status"] };
}

function fieldWrite({ definition, live, options }: Write, clock: Clock): FieldWrite {
  return {
    kind: definition,
    live: live && asJson(live),
    manager: options.fieldManager,
    subresource: options.subresource ?? "",
    nowMs: clock.nowMs(),
  };
}

function withKey(body: JsonObject, { namespace, name }: ObjectKey): JsonObject {
  const metadata = objectOf(body["metadata"] ?? {});
  return { ...body, metadata: { ...metadata, name, ...(namespace === "" ? {} : { namespace }) } };
}

function objectOf(value: JsonValue): JsonObject {
  if (!isObject(value)) throw badRequest("the patched object is no object");
  return value;
}

function asJson(object: KubeObject | undefined): JsonObject {
  // Holds because objects are JSON, which their interfaces do not say.
  return (object ?? {}) as unknown as JsonObject;
}

function asObject(object: JsonObject): KubeObject {
  // Holds because it was decoded by the shape of a kind.
  return object as unknown as KubeObject;
}
