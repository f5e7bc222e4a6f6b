/**
 * What happens to an object on its way into the store, the same for every kind: metadata is stamped, what the writer
 * may not change is put back, the generation is counted, and everything is validated at once.
 */
import { rfc3339 } from "#base/clock.ts";
import { own } from "#base/own.ts";
import { zeroOf } from "#machinery/decode.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { FieldError } from "#machinery/field-error.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { checkMetaUpdate, checkNewMeta, type FinalizerRule } from "#machinery/object-meta-rules.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { validate } from "#machinery/shape-rules.ts";
import { badRequest, invalid, StatusError } from "#machinery/status.ts";
import { kindTargetOf, metaText, type Core, type Draft, type WriteCall } from "../call.ts";
import type { Served } from "../registry.ts";

// A generated name is at most a DNS label.
const generatedPrefixMax = 58;
const generatedSuffixLength = 5;

/** Makes the namespace of a body that of the URL; a cluster-scoped object has none, whatever it says. @throws StatusError 400 when it names another one. */
export function fitNamespace(call: WriteCall, draft: Draft): void {
  const { namespace } = call.key;
  const given = metaText(draft, "namespace");
  if (!call.served.definition.namespaced) {
    delete draft.metadata["namespace"];
    return;
  }
  if (given !== "" && given !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  draft.metadata["namespace"] = namespace;
}

/** @throws StatusError 400 when a body names another object than the URL. */
export function fitName(call: WriteCall, draft: Draft): void {
  const given = metaText(draft, "name");
  if (given === "") throw badRequest("name must be provided");
  if (given !== call.key.name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${call.key.name})`);
}

/** Takes away what only the server sets. @throws StatusError 500 when a resourceVersion is given, as upstream. */
export function wipeSystemMeta(draft: Draft): void {
  const { metadata } = draft;
  if (metaText(draft, "resourceVersion") !== "")
    throw new StatusError({
      code: 500,
      reason: "",
      message: "resourceVersion should not be set on objects to be created",
    });
  for (const name of ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"])
    delete metadata[name];
  delete metadata["resourceVersion"];
}

/** Gives a new object its name, uid, time and first generation, and wipes what is not the creator's to say. */
export function stampNew(core: Core, served: Served, draft: Draft): void {
  const { metadata } = draft;
  const { definition } = served;
  metadata["uid"] = core.random.uuid();
  metadata["creationTimestamp"] = rfc3339(core.clock.nowMs());
  if (metaText(draft, "name") === "") metadata["name"] = generatedName(core, draft);
  delete metadata["generation"];
  if (generationFieldsOf(served, draft).length > 0) metadata["generation"] = 1;
  if (served.subresources.has("status") && definition.creatorSetsStatus !== true) wipeStatus(definition, draft);
  // The schema of a custom resource may have defaults for its status.
  if (served.custom) definition.defaults?.(draft);
  definition.prepare?.(draft, { old: undefined, subresource: "" });
}

export function generatedName(core: Core, draft: Draft): string {
  const prefix = metaText(draft, "generateName");
  if (prefix === "") return "";
  return prefix.slice(0, generatedPrefixMax) + core.random.suffix(generatedSuffixLength);
}

/** A status that is always there becomes its zero value, another one is gone. */
function wipeStatus(definition: ResourceDefinition, draft: Draft): void {
  const field = definition.shape.declared["status"];
  if (field?.presence === "always") draft["status"] = zeroOf(field.shape);
  else delete draft["status"];
}

/** The fields whose change counts a generation. */
function generationFieldsOf(served: Served, draft: Draft): readonly string[] {
  const { definition, custom } = served;
  if (custom)
    return Object.keys(draft)
      .filter((name) => !["apiVersion", "kind", "metadata", "status"].includes(name))
      .concat("spec");
  return definition.generationFields ?? ("spec" in definition.shape.declared ? ["spec"] : []);
}

/**
 * Puts back what an update may not change, and counts the generation.
 *
 * @param old The object as it is, frozen.
 * @param oldCopy The same, the caller's own.
 */
export function stampUpdate(call: WriteCall, draft: Draft, old: { frozen: KubeObject; copy: () => Draft }): void {
  const { served, subresource } = call;
  const { frozen } = old;
  keepParts(call, draft, old);
  const { metadata } = draft;
  if (frozen.metadata.generation === undefined) delete metadata["generation"];
  else metadata["generation"] = frozen.metadata.generation;
  served.definition.prepare?.(draft, { old: frozen, subresource });
  if (metaText(draft, "uid") === "") metadata["uid"] = frozen.metadata.uid;
  metadata["creationTimestamp"] = frozen.metadata.creationTimestamp;
  // What is not being deleted is refused with these (checkMetaUpdate): only a deletion sets them.
  const { deletionTimestamp: deletion, deletionGracePeriodSeconds: grace } = frozen.metadata;
  if (deletion !== undefined) metadata["deletionTimestamp"] = deletion;
  if (grace !== undefined) metadata["deletionGracePeriodSeconds"] ??= grace;
  delete metadata["selfLink"];
  // Where a pod runs is not what it is to be.
  if (subresource === "binding") return;
  // Holds: any object can be read by name.
  const before = frozen as unknown as Readonly<Record<string, unknown>>;
  const counted = new Set(generationFieldsOf(served, draft));
  if (served.custom) for (const name of generationFieldsOf(served, asPlainDraft(before))) counted.add(name);
  if ([...counted].some((name) => !deepEqual(own(draft, name), own(before, name))))
    metadata["generation"] = (frozen.metadata.generation ?? 0) + 1;
}

function asPlainDraft(object: Readonly<Record<string, unknown>>): Draft {
  // Holds because only names are read from it.
  return object as Draft;
}

function keepParts(call: WriteCall, draft: Draft, old: { frozen: KubeObject; copy: () => Draft }): void {
  const { served, subresource } = call;
  if (subresource === "") {
    if (!served.subresources.has("status")) return;
    // Holds: any object can be read by name.
    const { status } = old.frozen as KubeObject & { readonly status?: unknown };
    if (status === undefined) delete draft["status"];
    else draft["status"] = structuredClone(status);
    return;
  }
  const part = served.subresources.get(subresource);
  if (part?.kind === "part") part.keep(draft, old.copy());
}

function finalizerRuleOf({ custom, definition }: Served): FinalizerRule {
  return custom || definition.group === "apiextensions.k8s.io" ? "free" : "qualified";
}

/** Refuses with all that is wrong at once, as work that may rest where it yields. @throws StatusError 422 */
export function* checkingNew(call: WriteCall, draft: Draft): Generator<undefined, void> {
  const { definition } = call.served;
  const object = asObject(draft);
  const errors: FieldError[] = [
    ...checkNewMeta(object.metadata, { ...definition, finalizerRule: finalizerRuleOf(call.served) }),
    ...(definition.read ? [] : validate(definition.shape, draft)),
  ];
  yield;
  errors.push(...(definition.check?.(object, { old: undefined, subresource: call.subresource }) ?? []));
  if (errors.length > 0) throw invalid(kindTargetOf(call, object.metadata.name ?? ""), errors);
}

/** The same for an update. @throws StatusError 422 */
export function* checkingUpdate(call: WriteCall, draft: Draft, old: KubeObject): Generator<undefined, void> {
  const { definition } = call.served;
  const object = asObject(draft);
  const errors: FieldError[] = [
    ...checkMetaUpdate(object.metadata, old.metadata, finalizerRuleOf(call.served)),
    ...(definition.read ? [] : validate(definition.shape, draft, old)),
  ];
  yield;
  errors.push(...(definition.check?.(object, { old, subresource: call.subresource }) ?? []));
  if (errors.length > 0) throw invalid(kindTargetOf(call), errors);
}

export function asObject(draft: Draft): KubeObject {
  // Holds because decoding filled in apiVersion, kind and metadata.
  return draft as unknown as KubeObject;
}
