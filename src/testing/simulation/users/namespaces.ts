/** Namespaces with their quotas, and the small objects that are counted, held by finalizers and owned by one another. */
import { keyOf, type OwnerReference } from "#machinery/meta.ts";
import { untyped } from "#machinery/resource.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { resourceQuotas } from "#resources/core/resource-quota.ts";
import { secrets } from "#resources/core/secret.ts";
import {
  any,
  isTeam,
  merge,
  newKeyIn,
  remove,
  team,
  teamPrefix,
  written,
  type Deed,
  type UserContext,
} from "./context.ts";

const teamsMax = 4;
export const heldBy = "example.com/held";

async function createNamespace({ client, history, random, next }: UserContext): Promise<void> {
  if (history.all(namespaces).filter(({ metadata }) => isTeam(metadata.name)).length >= teamsMax) return;
  // Sometimes one of a name that was there before, which may still be going.
  const name = `${teamPrefix}${random.happens(0.5) ? random.below(6) : next()}`;
  await client.create(namespaces, written(namespaces, { name }));
}

async function removeNamespace(context: UserContext): Promise<void> {
  const name = team(context);
  if (isTeam(name)) await context.client.delete(namespaces, { namespace: "", name });
}

async function createQuota(context: UserContext): Promise<void> {
  const { client, random } = context;
  const metadata = newKeyIn(context, "quota");
  const names = ["pods", "configmaps", "count/configmaps", "services", "services.nodeports", "count/jobs.batch"];
  const chosen = [...names, "requests.cpu", "persistentvolumeclaims", "secrets"].filter(() => random.happens(0.4));
  const hard = Object.fromEntries(chosen.map((name) => [name, String(2 + random.below(8))]));
  await client.create(resourceQuotas, written(resourceQuotas, metadata, { spec: { hard } }));
}

async function changeQuota(context: UserContext): Promise<void> {
  const object = any(context, resourceQuotas);
  if (!object) return;
  const hard = { configmaps: String(1 + context.random.below(12)) };
  await merge(context, { resource: resourceQuotas, object }, { spec: { hard } });
}

async function removeQuota(context: UserContext): Promise<void> {
  const object = any(context, resourceQuotas);
  if (object) await remove(context, resourceQuotas, object);
}

/** Many at once, of which a quota may let only some in. */
async function createConfigMaps(context: UserContext): Promise<void> {
  const namespace = team(context);
  const count = 1 + context.random.below(6);
  const creations = Array.from({ length: count }, () => {
    const metadata = { namespace, name: `map-${context.next()}` };
    return context.client.create(configMaps, written(configMaps, metadata, { data: { key: "value" } }));
  });
  await Promise.allSettled(creations);
}

async function createHeld(context: UserContext): Promise<void> {
  const metadata = { ...newKeyIn(context, "held"), finalizers: [heldBy] };
  await context.client.create(configMaps, written(configMaps, metadata));
}

function ownerReference({ metadata }: ConfigMap, block: boolean): OwnerReference {
  const { name = "", uid = "" } = metadata;
  return { apiVersion: "v1", kind: "ConfigMap", name, uid, blockOwnerDeletion: block };
}

/** Owned by one or two others, which may have gone before, or may never have been. */
async function createOwned(context: UserContext): Promise<void> {
  const { client, random } = context;
  const first = any(context, configMaps);
  if (!first) return;
  const { namespace = "" } = first.metadata;
  const second = any(context, configMaps, ({ metadata }) => metadata.namespace === namespace);
  const owners = [first, ...(second && second !== first && random.happens(0.4) ? [second] : [])];
  const ownerReferences = owners.map((owner) => ownerReference(owner, random.happens(0.5)));
  const ghost = { ...ownerReference(first, false), uid: random.uuid(), name: "ghost" };
  if (random.happens(0.1)) ownerReferences.push(ghost);
  const metadata = { namespace, name: `owned-${context.next()}`, ownerReferences };
  await client.create(configMaps, written(configMaps, metadata));
}

async function removeConfigMap(context: UserContext): Promise<void> {
  const object = any(context, configMaps);
  if (object) await remove(context, configMaps, object);
}

async function letGo(context: UserContext): Promise<void> {
  const object = any(context, configMaps, ({ metadata }) => metadata.finalizers?.includes(heldBy) === true);
  if (!object) return;
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== heldBy);
  const resourceVersion = object.metadata.resourceVersion ?? "";
  await merge(context, { resource: configMaps, object }, { metadata: { finalizers, resourceVersion } });
}

/** By one of two managers, who share the object and sometimes take from each other. */
async function applySecret(context: UserContext): Promise<void> {
  const { client, random } = context;
  const key = { namespace: team(context), name: `applied-${random.below(3)}` };
  const data = Object.fromEntries(["a", "b", "c"].filter(() => random.happens(0.5)).map((name) => [name, "dmFsdWU="]));
  const patch = { type: "apply", body: { metadata: { ...key }, data }, force: random.happens(0.5) } as const;
  await client.patch({ resource: secrets, key }, patch, { fieldManager: random.pick(["one", "two"]) });
}

async function removeCollection(context: UserContext): Promise<void> {
  const { client, random } = context;
  await client.deleteCollection(random.pick([untyped(configMaps), untyped(secrets)]), { namespace: team(context) });
}

/** Reads, thinks, and writes the whole object. */
async function editConfigMap(context: UserContext): Promise<void> {
  const object = any(context, configMaps);
  if (!object) return;
  const now = await context.client.get(configMaps, keyOf(object));
  await context.client.update(configMaps, { ...now, data: { ...now.data, edited: String(context.next()) } });
}

export const namespaceDeeds: readonly Deed[] = [
  { name: "create a namespace", weight: 4, act: createNamespace },
  { name: "delete a namespace", weight: 1, act: removeNamespace },
  { name: "create a quota", weight: 2, act: createQuota },
  { name: "change a quota", weight: 1, act: changeQuota },
  { name: "delete a quota", weight: 1, act: removeQuota },
  { name: "create ConfigMaps", weight: 5, act: createConfigMaps },
  { name: "create a held ConfigMap", weight: 2, act: createHeld },
  { name: "create an owned ConfigMap", weight: 4, act: createOwned },
  { name: "delete a ConfigMap", weight: 4, act: removeConfigMap },
  { name: "let a held ConfigMap go", weight: 2, act: letGo },
  { name: "apply a Secret", weight: 3, act: applySecret },
  { name: "delete a collection", weight: 0.3, act: removeCollection },
  { name: "edit a ConfigMap", weight: 3, act: editConfigMap },
];
