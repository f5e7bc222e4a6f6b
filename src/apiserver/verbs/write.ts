/**
 * The way of every write but a deletion, create, PUT, PATCH and the actions of subresources alike: the new object is made
 * from what is there, admitted, stamped, checked and committed if nothing changed in between; else it is made anew.
 * Nothing is held meanwhile: whoever comes first wins.
 */
import { atOnce } from "#base/turns.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { conflict, forbidden, invalid, modified, notFound } from "#machinery/status.ts";
import * as fieldError from "#machinery/field-error.ts";
import {
  isLarge,
  metaText,
  questionOf,
  targetOf,
  type Core,
  type Draft,
  type WriteCall,
  type Written,
} from "../call.ts";
import { shown, type Served } from "../registry.ts";
import type { StoredObject } from "../stored-object.ts";
import { admissionOf, replaceObject, storeNew } from "./commit.ts";
import { asDraft } from "./decode.ts";
import { keepTimes } from "./managed-fields.ts";
import { optimistic, type Try } from "./optimistic.ts";
import {
  checkingNew,
  checkingUpdate,
  fitName,
  fitNamespace,
  stampNew,
  stampUpdate,
  wipeSystemMeta,
} from "./prepare.ts";

export interface Change {
  /**
   * Makes the new object in the served version, defaults filled in and managed fields tracked; it owns what it returns.
   * Called again when something changed meanwhile.
   *
   * @param current Frozen; undefined when there is none.
   * @param call The call, which is a large one too when the stored object is large.
   */
  readonly make: (current: KubeObject | undefined, call: WriteCall) => Draft | Promise<Draft>;
  /** "always": there must be none. "missing": it is made when there is none. "never": there must be one. */
  readonly creates: "always" | "missing" | "never";
}

/**
 * @throws StatusError 404, 409 when the name is taken or the draft has another resourceVersion or uid, 413, 422 when the
 * object is not valid, what admission throws.
 */
export function write(core: Core, call: WriteCall, change: Change): Promise<Written> {
  return optimistic(core, call, (found) => {
    const current = change.creates === "always" ? undefined : found;
    return tryWrite(core, weighed(call, current), { change, current });
  });
}

async function tryWrite(
  core: Core,
  call: WriteCall,
  { change, current }: { readonly change: Change; readonly current: StoredObject | undefined },
): Promise<Try<Written>> {
  const rest = (): Promise<void> | undefined => (call.isLarge ? core.turns.next() : undefined);
  if (!current && (change.creates === "never" || (change.creates === "missing" && call.subresource !== "")))
    throw notFound(targetOf(call));
  if (call.isLarge && current) await current.decode(core.turns);
  else await rest();
  const old = current && shown(call.served, current);
  await rest();
  const draft = await change.make(old, call);
  if (old) fitOld(call, draft, old);
  else fitNew(core, call, { draft, change });
  await rest();
  await core.admission.mutate(admissionOf(call, draft, old), draft);
  await rest();
  const isNamed = metaText(draft, "name") !== "";
  if (current && old) stampUpdate(call, draft, { frozen: old, copy: await copying(core, call, current) });
  else stampNew(core, call.served, draft);
  await rest();
  const checking = old ? checkingUpdate(call, draft, old) : checkingNew(call, draft);
  if (call.isLarge) await core.turns.through(checking);
  else atOnce(checking);
  await rest();
  if (old) keepTimes(draft, old);
  await rest();
  await core.admission.validate(admissionOf(call, draft, old));
  await rest();
  if (current && old) return replaceObject(core, call, { draft, current, old });
  return storeNew(core, call, { draft, isNamed, mustBeNew: change.creates === "always" });
}

/** The call, as a large one when the stored object is. */
function weighed(call: WriteCall, current: StoredObject | undefined): WriteCall {
  if (call.isLarge || !current || !isLarge(current.jsonBytes)) return call;
  // Not spread: that would ask for the signal.
  return Object.create(call, { isLarge: { value: true } }) as WriteCall;
}

/** @throws StatusError 400, 403, 409, 500 */
function fitNew(core: Core, call: WriteCall, { draft, change }: { draft: Draft; change: Change }): void {
  if (change.creates === "always") return;
  const uid = metaText(draft, "uid");
  if (uid !== "")
    throw conflict(
      targetOf(call),
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  fitNamespace(call, draft);
  fitName(call, draft);
  const decision = core.authorizer.authorize(questionOf(call, "create"));
  if (decision.kind !== "allowed")
    throw forbidden(targetOf(call), `User ${JSON.stringify(call.user.name)} cannot create it, which this update would`);
  delete draft.metadata["resourceVersion"];
  wipeSystemMeta(draft);
}

/** @throws StatusError 400, 409, or 422 when the version must be named. */
function fitOld(call: WriteCall, draft: Draft, old: KubeObject): void {
  fitNamespace(call, draft);
  fitName(call, draft);
  const uid = metaText(draft, "uid");
  const resourceVersion = metaText(draft, "resourceVersion");
  if (uid !== "" && uid !== old.metadata.uid)
    throw conflict(
      targetOf(call),
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  if (resourceVersion === "" || resourceVersion === "0") {
    if (call.served.rules.versionRequired)
      throw invalid(targetOf(call), [
        fieldError.invalid("metadata.resourceVersion", 0, "must be specified for an update"),
      ]);
    draft.metadata["resourceVersion"] = old.metadata.resourceVersion;
    return;
  }
  // Who names the resourceVersion and lost is refused here on the next try, which reads another one.
  if (resourceVersion !== old.metadata.resourceVersion) throw modified(targetOf(call));
}

/** Makes the caller's own copy of a stored object, in the served version: a large one ahead, if it is wanted at all. */
async function copying(core: Core, call: WriteCall, current: StoredObject): Promise<() => Draft> {
  if (!call.isLarge || call.subresource === "") return () => copyOf(call.served, current.draft());
  const draft = await core.turns.through(current.drafting());
  return () => copyOf(call.served, draft);
}

function copyOf({ definition }: Served, draft: KubeObject): Draft {
  const { storedAs } = definition;
  // Holds: both are fresh JSON objects with metadata; conversion makes new ones around its parts.
  return asDraft((storedAs ? structuredClone(storedAs.fromStored(draft)) : draft) as unknown as Draft);
}
