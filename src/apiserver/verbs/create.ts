/** POST of a new object. */
import { deepFreeze } from "#machinery/freeze.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { alreadyExists, badRequest, StatusError, type Target } from "#machinery/status.ts";
import { absent } from "#storage/store.ts";
import type { AdmissionRequest } from "../access.ts";
import { cacheOf, metaText, targetOf, type Core, type Draft, type WriteCall, type Written } from "../call.ts";
import { StoredObject, type StoredKind } from "../stored-object.ts";
import { checkDefinition } from "../custom/definition-state.ts";
import { trackFields } from "./managed-fields.ts";
import { checkMetaSize, checkStored } from "./stored-size.ts";
import { asObject, checkNew, fitNamespace, generatedName, stampNew, wipeSystemMeta } from "./prepare.ts";

// A generated name that is taken is tried anew this often.
const generatedTriesMax = 8;

/**
 * @param draft Decoded, with defaults; owned by the call from here on.
 * @throws StatusError 409 when the name is taken, 422 when the object is not valid, what admission throws.
 */
export async function create(core: Core, call: WriteCall, draft: Draft): Promise<Written> {
  wipeSystemMeta(draft);
  fitNamespace(call, draft);
  const given = metaText(draft, "name");
  if (call.key.name !== "" && given !== "" && given !== call.key.name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${call.key.name})`);
  if (call.isLarge) {
    checkMetaSize(call, draft);
    await core.turns.next();
  }
  const tracked = trackFields(core, call, { draft, old: undefined });
  if (tracked) await tracked;
  return createPrepared(core, call, draft);
}

/** The rest of a create, for what apply and update make too: from mutating admission on. */
export async function createPrepared(core: Core, call: WriteCall, draft: Draft): Promise<Written> {
  const admission = core.admission.attempt(call);
  try {
    if (call.isLarge) await core.turns.next();
    await admission.mutate(admissionOf(call, draft), draft);
    const isNamed = metaText(draft, "name") !== "";
    stampNew(core, call.served, draft);
    if (call.isLarge) await core.turns.next();
    checkNew(call, draft);
    if (call.isLarge) await core.turns.next();
    await admission.validate(admissionOf(call, draft));
    const created = await storeNew(core, call, { draft, triesMax: isNamed ? 1 : generatedTriesMax });
    if (created.object instanceof StoredObject) admission.written(String(created.object.revision));
    return created;
  } finally {
    const ending = admission.end();
    if (ending) await ending;
  }
}

function admissionOf(call: WriteCall, draft: Draft): AdmissionRequest {
  const { served, key, subresource, user, dryRun, warn } = call;
  const object = asObject(draft);
  const name = object.metadata.name ?? key.name;
  const operation = "create" as const;
  const resource = served.definition;
  return { user, operation, resource, key: { ...key, name }, subresource, dryRun, object, old: undefined, warn };
}

async function storeNew(
  core: Core,
  call: WriteCall,
  { draft, triesMax }: { draft: Draft; triesMax: number },
): Promise<Written> {
  const cache = await cacheOf(call.served);
  if (call.isLarge) await core.turns.next();
  for (let tries = 1; ; tries += 1) {
    const object = asObject(draft);
    const name = object.metadata.name ?? "";
    const storeKey = cache.kind.storeKey({ namespace: object.metadata.namespace ?? "", name });
    const written = call.dryRun
      ? cache.get(storeKey)
        ? undefined
        : dry(call, cache.kind, object)
      : await putNew(core, cache.kind, { call, storeKey, draft });
    if (written) return { created: true, object: written };
    if (tries >= triesMax) throw taken({ ...targetOf(call), name }, triesMax > 1);
    draft.metadata["name"] = generatedName(core, draft);
  }
}

/** What would be stored. @throws StatusError 413 */
function dry(call: WriteCall, kind: StoredKind, object: KubeObject): KubeObject {
  valueOf(call, kind, object);
  return deepFreeze(object);
}

/** The bytes to store. @throws StatusError 413 */
function valueOf(call: WriteCall, kind: StoredKind, object: KubeObject): Uint8Array {
  const { storedAs } = call.served.definition;
  const value = kind.encode(storedAs ? storedAs.toStored(object) : object);
  checkStored(call, object, value);
  return value;
}

async function putNew(
  core: Core,
  kind: StoredKind,
  { call, storeKey, draft }: { call: WriteCall; storeKey: string; draft: Draft },
): Promise<StoredObject | undefined> {
  const value = valueOf(call, kind, asObject(draft));
  checkDefinition(core, call.served);
  const outcome = await core.store.commit([{ key: storeKey, value, expected: absent }]);
  if (outcome.kind === "conflict") return undefined;
  const [revision = 0] = outcome.revisions;
  const held = call.served.cache?.get(storeKey);
  if (held?.revision === revision) return held;
  return new StoredObject(kind, { key: storeKey, value, createRevision: revision, modRevision: revision }, revision);
}

function taken(target: Target, generated: boolean): StatusError {
  const refusal = alreadyExists(target);
  if (!generated) return refusal;
  return new StatusError({
    code: 409,
    reason: "AlreadyExists",
    message: `${refusal.message}, the server was not able to generate a unique name for the object`,
    details: { ...refusal.details, retryAfterSeconds: 1 },
    headers: { "retry-after": "1" },
  });
}
