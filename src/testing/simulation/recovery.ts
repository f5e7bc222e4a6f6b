/**
 * The end of a run: nothing goes wrong any more, an administrator repairs what only people can, and everything comes to
 * be as it should; then nobody writes; then all that users made is deleted, and leaves nothing.
 */
import { messageOf } from "#base/assert.ts";
import { keyOf } from "#machinery/meta.ts";
import type { JsonObject } from "#machinery/shape.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { cronJobs } from "#resources/batch/cron-job.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { nodes } from "#resources/core/node.ts";
import { persistentVolumeClaims } from "#resources/core/persistent-volume-claim.ts";
import { persistentVolumes, type PersistentVolume } from "#resources/core/persistent-volume.ts";
import { pods, type Pod } from "#resources/core/pod.ts";
import { services, type Service } from "#resources/core/service.ts";
import { resourceQuotas } from "#resources/core/resource-quota.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { quotaSettlements, settlements, unsettled } from "./invariants.ts";
import type { Finding, Settlement } from "./invariants/invariant.ts";
import { strayed } from "./invariants/machines.ts";
import { noFaults } from "./plan.ts";
import { heldBy } from "./users/namespaces.ts";
import { isTeam, written } from "./users/context.ts";
import type { World } from "./world.ts";

// The longest of what upstream waits for: back-offs of crashed pods, terms of nodes, and looks every few minutes.
const settleMsMax = 1_800_000;
const lookMs = 5_000;
const stillMs = 300_000;

/** Kinds that are written while nothing happens: heartbeats. */
const heartbeats: ReadonlySet<string> = new Set([
  "leases.coordination.k8s.io",
  "nodes",
  "events",
  "events.events.k8s.io",
]);

/** Addresses, and ports, that are asked for again. */
const againMax = 20;

const localFolder = "kedge.io/local-folder";

export async function recover(world: World): Promise<void> {
  heal(world);
  await world.clock.advance(30_000);
  await settle(world, { wanted: quotaSettlements });
  if (world.violation) return;
  // What quotas have kept out comes in once they are gone.
  for (const quota of world.history.all(resourceQuotas)) world.removeLater(resourceQuotas, keyOf(quota));
  await settle(world, { wanted: settlements });
  if (world.violation) return;
  await beStill(world);
  if (world.violation) return;
  for (const { metadata } of world.history.all(namespaces))
    if (isTeam(metadata.name)) world.removeLater(namespaces, { namespace: "", name: metadata.name ?? "" });
  const isDone = (): boolean => world.history.all(namespaces).every(({ metadata }) => !isTeam(metadata.name));
  await settle(world, { wanted: settlements, isDone });
  if (!world.violation) await giveAgain(world);
}

/** What Services had that are gone can be had again: each address and port of the past, by name. */
async function giveAgain(world: World): Promise<void> {
  const past = world.history.changes.flatMap(({ resource, after }) =>
    // Holds because the resource is services.
    resource === services.id && after ? [after as Service] : [],
  );
  const valuesOf = (of: (service: Service) => readonly (string | number | undefined)[]): readonly string[] => {
    const taken = new Set(world.history.all(services).flatMap(of).map(String));
    const had = new Set(
      past.flatMap(of).flatMap((value) => (value === undefined || value === "None" ? [] : String(value))),
    );
    return [...had].filter((value) => !taken.has(value)).slice(0, againMax);
  };
  const wishes = [
    ...valuesOf(({ spec }) => [spec.clusterIP]).map((clusterIP) => ({ clusterIP, ports: [{ port: 80 }] })),
    ...valuesOf(({ spec }) => (spec.ports ?? []).map(({ nodePort }) => nodePort)).map((nodePort) => ({
      type: "NodePort",
      ports: [{ port: 80, nodePort: Number(nodePort) }],
    })),
  ];
  let made = 0;
  for (const spec of wishes) {
    const key = { namespace: "default", name: `again-${(made += 1)}` };
    const wished = written(services, key, { spec });
    world.operator.create(services, wished).catch((error: unknown) => {
      world.violated("what is given back can be had again", messageOf(error), `services default/${key.name}`);
    });
  }
  await world.clock.advance(lookMs);
}

function heal(world: World): void {
  world.tell("nothing goes wrong from now on");
  world.faults = noFaults;
  world.disk.killAt = undefined;
  world.network.heal();
  if (!world.serving) world.startServer();
  if (world.serving) world.serving.process.clock.aheadMs = 0;
  for (const node of world.nodes.values()) {
    if (!node.process) node.start();
    if (node.process) node.process.clock.aheadMs = 0;
  }
}

/** What no controller does. */
function repair(world: World): void {
  const { history } = world;
  const patchOf = <T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, body: JsonObject): void => {
    world.operator.patch({ resource, key }, { type: "merge", body }).catch((error: unknown) => {
      // It is looked at again soon.
      if (!isReason(error, "Conflict") && !isReason(error, "NotFound")) world.tell(`repair: ${String(error)}`);
    });
  };
  for (const node of history.all(nodes)) {
    const { taints = [], unschedulable } = node.spec;
    const { resourceVersion = "" } = node.metadata;
    const others = taints.filter(({ key }) => key !== "example.com/special");
    if (others.length < taints.length || (unschedulable === true && !world.isLost(node.metadata.name))) {
      const spec = { taints: others.map((one) => ({ ...one })), unschedulable: null };
      patchOf(nodes, keyOf(node), { metadata: { resourceVersion }, spec });
    }
  }
  // Pods that were taken out of their sets stand in the way of those that are to have their names.
  for (const one of history.all(pods))
    if (one.metadata.labels?.["was"] !== undefined) world.removeLater(pods, keyOf(one));
  for (const volume of history.all(persistentVolumes)) giveUp(world, volume);
  for (const one of history.all(cronJobs))
    if (one.spec.suspend !== true) patchOf(cronJobs, keyOf(one), { spec: { suspend: true } });
  for (const one of history.all(configMaps))
    release(world, patchOf, { resource: configMaps, object: one, finalizer: heldBy });
  for (const one of history.all(persistentVolumes))
    release(world, patchOf, { resource: persistentVolumes, object: one, finalizer: localFolder });
}

/** What was on a machine that is gone is given up, so that those who had it begin anew. */
function giveUp(world: World, { spec }: PersistentVolume): void {
  const { history } = world;
  const hosts = (spec.nodeAffinity?.required?.nodeSelectorTerms ?? [])
    .flatMap((term) => term.matchExpressions ?? [])
    .flatMap(({ values = [] }) => values);
  const { claimRef } = spec;
  if (!claimRef || hosts.length === 0 || hosts.some((name) => history.get(nodes, { namespace: "", name }))) return;
  const key = { namespace: claimRef.namespace ?? "", name: claimRef.name ?? "" };
  if (history.get(persistentVolumeClaims, key)) world.removeLater(persistentVolumeClaims, key);
  for (const pod of history.all(pods, key.namespace))
    if (pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === key.name))
      world.removeLater(pods, keyOf(pod));
}

type PatchOf = <T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, body: JsonObject) => void;

/** What waits for somebody outside of the cluster to let it go. */
function release<T extends KubeObject>(
  _world: World,
  patchOf: PatchOf,
  {
    resource,
    object,
    finalizer,
  }: { readonly resource: ResourceDefinition<T>; readonly object: T; readonly finalizer: string },
): void {
  const { finalizers = [], resourceVersion = "", deletionTimestamp } = object.metadata;
  if (deletionTimestamp === undefined || !finalizers.includes(finalizer)) return;
  const kept = finalizers.filter((one) => one !== finalizer);
  patchOf(resource, keyOf(object), { metadata: { resourceVersion, finalizers: kept } });
}

async function settle(
  world: World,
  { wanted, isDone = () => true }: { readonly wanted: readonly Settlement[]; readonly isDone?: () => boolean },
): Promise<void> {
  const endMs = world.clock.monotonicMs() + settleMsMax;
  for (;;) {
    repair(world);
    await world.clock.advance(lookMs);
    if (world.violation) return;
    const first = unsettled(wanted, world.history).next().value ?? (await strays(world));
    if (!first && isDone()) return;
    if (world.clock.monotonicMs() < endMs) continue;
    if (first) world.violated(first.name, first.found, first.about);
    else world.violated("namespaces go", "a namespace is still there");
    return;
  }
}

/** A program that ends is started again, and again. */
function isRestless(pod: Pod | undefined): boolean {
  return pod?.spec.containers.some(({ command }) => command?.[0] !== "serve") === true;
}

async function strays(world: World): Promise<(Finding & { readonly name: string }) | undefined> {
  const finding = await strayed(world.nodes.values(), world.history);
  return finding && { name: "machines run the pods that are theirs", ...finding };
}

/** Nobody has anything to do: who writes all the same does it for ever. */
async function beStill(world: World): Promise<void> {
  const { history } = world;
  const since = history.revision;
  const written = new Map<string, number>();
  await world.clock.advance(stillMs);
  for (const { revision, resource, key } of history.changes.slice(-10_000)) {
    if (revision <= since || heartbeats.has(resource) || isRestless(history.get(pods, key))) continue;
    const about = `${resource} ${key.namespace}/${key.name}`;
    written.set(about, (written.get(about) ?? 0) + 1);
  }
  const [busiest] = [...written].toSorted((a, b) => b[1] - a[1]);
  if (busiest && busiest[1] > 2)
    world.violated("a settled cluster is still", `written ${busiest[1]} times in ${stillMs / 1000} s`, busiest[0]);
}
