/** What holds for objects of every kind. */
import { controllerOf, type KubeObject } from "#machinery/meta.ts";
import { namespaces } from "#resources/core/namespace.ts";
import type { Change, History } from "../history.ts";
import type { Invariant } from "./invariant.ts";

/** A change of an object that was there and still is. */
function modified(
  check: (before: KubeObject, after: KubeObject) => string | undefined,
): (change: Change) => string | undefined {
  return ({ before, after }) => (before && after ? check(before, after) : undefined);
}

function sameIdentity(before: KubeObject, after: KubeObject): string | undefined {
  const [was, is] = [before.metadata, after.metadata];
  if (was.uid !== is.uid) return `uid "${was.uid}" became "${is.uid}"`;
  return was.creationTimestamp === is.creationTimestamp ? undefined : "another creationTimestamp";
}

const policies: ReadonlySet<string> = new Set(["foregroundDeletion", "orphan"]);

function goesOn(before: KubeObject, after: KubeObject): string | undefined {
  const [was, is] = [before.metadata, after.metadata];
  if (was.deletionTimestamp === undefined) return undefined;
  if (is.deletionTimestamp === undefined) return "it is not deleted any more";
  // A period that is made shorter ends now at the earliest, which may be later than it would have ended.
  const isShorter = (is.deletionGracePeriodSeconds ?? 0) < (was.deletionGracePeriodSeconds ?? 0);
  if (is.deletionTimestamp > was.deletionTimestamp && !isShorter)
    return `its end was put off from ${was.deletionTimestamp} to ${is.deletionTimestamp}`;
  // Whoever deletes it once more may say anew what is to become of what it owns.
  const isAllowed = (one: string): boolean => was.finalizers?.includes(one) === true || policies.has(one);
  const added = (is.finalizers ?? []).filter((one) => !isAllowed(one));
  return added.length === 0 ? undefined : `it is being deleted, and got the finalizers ${added.join(", ")}`;
}

function generationRises(before: KubeObject, after: KubeObject): string | undefined {
  const [was, is] = [before.metadata.generation, after.metadata.generation];
  if (was === undefined) return undefined;
  if (is === undefined || is < was) return `generation ${was} became ${is}`;
  if (JSON.stringify(specOf(before)) === JSON.stringify(specOf(after)) || is > was) return undefined;
  return `another spec, and the same generation ${is}`;
}

/** A binding is no new generation. */
function specOf(object: KubeObject): unknown {
  const spec = "spec" in object ? object.spec : undefined;
  return object.kind === "Pod" ? { ...(spec as object), nodeName: undefined } : spec;
}

const claimOwners: ReadonlySet<string> = new Set(["StatefulSet", "Pod"]);

function oneController({ resource, before, after }: Change): string | undefined {
  const controllers = (after?.metadata.ownerReferences ?? []).filter(({ controller }) => controller === true);
  if (controllers.length > 1) return `controllers ${controllers.map(({ name }) => name).join(", ")}`;
  const [was, is] = [before, after].map((one) => one && controllerOf(one));
  // A claim goes from its StatefulSet to its pod at once, when it is to go with the pod.
  const isHandedDown =
    resource === "persistentvolumeclaims" && [was, is].every((one) => claimOwners.has(one?.kind ?? ""));
  if (!was || !is || was.uid === is.uid || isHandedDown) return undefined;
  return `${was.kind} ${was.name} lost it to ${is.kind} ${is.name} without having let go`;
}

function fieldsAreOwned({ after }: Change): string | undefined {
  const seen = new Set<string>();
  for (const { manager, operation, subresource = "", apiVersion, fieldsV1 } of after?.metadata.managedFields ?? []) {
    const id = JSON.stringify([manager, operation, subresource, apiVersion]);
    if (seen.has(id)) return `two entries of ${id}`;
    seen.add(id);
    const wrong = wrongField(fieldsV1);
    if (wrong !== undefined) return `${id} owns ${wrong}`;
  }
  return undefined;
}

/** Names of fields begin with "f:", items of lists with "k:" or "v:" and JSON, or are numbers with "i:". */
function wrongField(fields: unknown): string | undefined {
  if (typeof fields !== "object" || fields === null) return JSON.stringify(fields) ?? "nothing";
  for (const [name, inner] of Object.entries(fields)) {
    if (name === ".") continue;
    if (!/^(?:f:.|i:\d+$|[kv]:.)/s.test(name)) return JSON.stringify(name);
    if (/^[kv]:/.test(name) && !isJson(name.slice(2))) return JSON.stringify(name);
    const wrong = wrongField(inner);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function heldObjectsWait({ before, after }: Change): string | undefined {
  if (after || !before || before.metadata.deletionTimestamp !== undefined) return undefined;
  const { finalizers = [] } = before.metadata;
  return finalizers.length === 0 ? undefined : `gone at once, in spite of ${finalizers.join(", ")}`;
}

function hasNamespace({ key, before, after, resource }: Change, history: History): string | undefined {
  if (before || !after || key.namespace === "" || resource === "namespaces") return undefined;
  const found = history.get(namespaces, { namespace: "", name: key.namespace });
  return found ? undefined : `made in the namespace "${key.namespace}", which is not there`;
}

function leavesNothing({ key, after, resource }: Change, history: History): string | undefined {
  if (resource !== "namespaces" || after) return undefined;
  for (const [kind, { metadata }] of history.everything())
    if (metadata.namespace === key.name) return `gone, and has left ${kind} ${metadata.name}`;
  return undefined;
}

export const objectInvariants: readonly Invariant[] = [
  { name: "an object keeps its identity", check: modified(sameIdentity) },
  { name: "a deletion goes on to its end", check: modified(goesOn) },
  { name: "another spec is another generation", check: modified(generationRises) },
  { name: "an object has one controller", check: oneController },
  { name: "managed fields can be read", check: fieldsAreOwned },
  { name: "an object waits for its finalizers", check: heldObjectsWait },
  { name: "an object is in a namespace that exists", check: hasNamespace },
  { name: "a deleted namespace leaves nothing", check: leavesNothing },
];
