/**
 * Empties a namespace that is being deleted, says in its conditions what keeps it, and lets it go when it is empty.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
 */
import { messageOf } from "#base/assert.ts";
import { rfc3339, type Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { WorkQueue } from "#base/queue.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { namespaces, type Namespace, type NamespaceCondition } from "#resources/core/namespace.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { isQuiet } from "./refusals.ts";
import { eachKindOnce, everyKindServed } from "./served-kinds.ts";

export interface NamespaceParts {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
}

const workers = 4;
// What is left goes when its owners let it go, of which no event tells: looked at ever more rarely while nothing changes.
const lookFirstMs = 1_000;
const lookMsMax = 30_000;
const retryMsMax = 300_000;
const kubernetesFinalizer = "kubernetes";

/** What is left of one resource in a namespace. */
export interface Remains {
  readonly resource: ResourceDefinition;
  readonly count: number;
  /** Finalizers of what is left, and how many objects have each. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export function namespaceController(parts: NamespaceParts): Component {
  return { name: "namespace-controller", run: (signal) => run(parts, signal) };
}

async function run(parts: NamespaceParts, signal: AbortSignal): Promise<void> {
  const queue = new WorkQueue(parts.clock);
  const informer = parts.informers.informer(namespaces);
  await informer.whenSynced(signal);
  informer.onChange(({ type, object }) => {
    if (type !== "deleted" && object.metadata.deletionTimestamp !== undefined) queue.add(object.metadata.name ?? "");
  }, signal);
  const pauses = new Map<string, Pause>();
  const again = (name: string, left: number, maxMs: number): void => {
    const before = pauses.get(name);
    const ms = before?.left === left ? Math.min(before.ms * 2, maxMs) : lookFirstMs;
    pauses.set(name, { left, ms });
    queue.addAfter(name, ms);
  };
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const name = await queue.next(signal);
      try {
        const namespace = informer.get({ namespace: "", name });
        const left = namespace ? await empty(parts, namespace, signal) : 0;
        if (left > 0) again(name, left, lookMsMax);
        else pauses.delete(name);
      } catch (error) {
        if (signal.aborted) return;
        if (!isQuiet(error))
          parts.log.for("namespace-controller").warn("trying again", { namespace: name, error: messageOf(error) });
        again(name, unknownLeft, retryMsMax);
      } finally {
        queue.done(name);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } finally {
    queue.close();
  }
}

/** How long until the next look, and what was left when that was decided. */
interface Pause {
  readonly left: number;
  readonly ms: number;
}

const unknownLeft = -1;

/** One round. @returns How many objects are left, and how many resources could not be emptied: 0 when it is done. */
async function empty(parts: NamespaceParts, namespace: Namespace, signal: AbortSignal): Promise<number> {
  const name = namespace.metadata.name ?? "";
  if (namespace.metadata.deletionTimestamp === undefined) return 0;
  const finalizers = namespace.spec.finalizers ?? [];
  if (!finalizers.includes(kubernetesFinalizer)) return 0;
  await everyKindServed(parts.client, parts.resources, signal);
  const failures: string[] = [];
  const remains: Remains[] = [];
  for (const resource of contentResources(parts.resources)) {
    try {
      remains.push(await deleteAll(parts.client, resource, name));
      // What a pod still uses stays until the last pod is gone.
      if (resource.id === "pods" && remains.some(({ count }) => count > 0)) break;
    } catch (error) {
      failures.push(`${resource.id}: ${messageOf(error)}`);
    }
  }
  const left = remains.filter(({ count }) => count > 0);
  await writeConditions(parts, namespace, { left, failures });
  if (left.length > 0 || failures.length > 0) return left.reduce((sum, { count }) => sum + count, 0) + failures.length;
  const live = await parts.client.get(namespaces, { namespace: "", name });
  const spec = { ...live.spec, finalizers: (live.spec.finalizers ?? []).filter((one) => one !== kubernetesFinalizer) };
  await parts.client.update(namespaces, { ...live, spec }, { subresource: "finalize" });
  return 0;
}

/** Pods first. */
function contentResources(source: ResourceSource): readonly ResourceDefinition[] {
  return eachKindOnce(source.all())
    .filter(({ namespaced }) => namespaced)
    .filter(({ verbs }) => verbs.includes("list") && verbs.includes("delete"))
    .toSorted((one, other) => Number(other.id === "pods") - Number(one.id === "pods"));
}

async function deleteAll(client: Client, resource: ResourceDefinition, namespace: string): Promise<Remains> {
  const before = await client.list(resource, { namespace });
  if (before.items.length > 0)
    await client.deleteCollection(resource, { namespace }, { propagationPolicy: "Background" });
  const { items } = before.items.length > 0 ? await client.list(resource, { namespace }) : before;
  const finalizers = new Map<string, number>();
  for (const name of items.flatMap((item) => item.metadata.finalizers ?? []))
    finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  return { resource, count: items.length, finalizers };
}

interface Found {
  readonly left: readonly Remains[];
  readonly failures: readonly string[];
}

async function writeConditions(parts: NamespaceParts, namespace: Namespace, found: Found): Promise<void> {
  const conditions = conditionsOf(namespace.status.conditions ?? [], found, parts.clock.nowMs());
  if (deepEqual(conditions, namespace.status.conditions ?? [])) return;
  const status = { phase: "Terminating", conditions: conditions.map((one) => ({ ...one })) };
  const target = { resource: namespaces, key: { namespace: "", name: namespace.metadata.name ?? "" } };
  await parts.client.patch(target, { type: "merge", body: { status } }, { subresource: "status" });
}

/** Pure: the five conditions of a namespace that is being emptied, with the time of their last change. */
export function conditionsOf(
  known: readonly NamespaceCondition[],
  { left, failures }: Found,
  nowMs: number,
): NamespaceCondition[] {
  const finalizers = new Map<string, number>();
  for (const { finalizers: some } of left)
    for (const [name, count] of some) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  const remaining = left.map(({ resource, count }) => `${resource.id} has ${count} resource instances`).join(", ");
  const holding = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).join(", ");
  const facts: readonly (readonly [string, string, string, string])[] = [
    ["NamespaceDeletionDiscoveryFailure", "", "ResourcesDiscovered", "All resources successfully discovered"],
    [
      "NamespaceDeletionGroupVersionParsingFailure",
      "",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ],
    [
      "NamespaceDeletionContentFailure",
      failures.length === 0
        ? ""
        : `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(", ")}`,
      failures.length === 0 ? "ContentDeleted" : "ContentDeletionFailed",
      "All content successfully deleted, may be waiting on finalization",
    ],
    [
      "NamespaceContentRemaining",
      remaining === "" ? "" : `Some resources are remaining: ${remaining}`,
      remaining === "" ? "ContentRemoved" : "SomeResourcesRemain",
      "All content successfully removed",
    ],
    [
      "NamespaceFinalizersRemaining",
      holding === "" ? "" : `Some content in the namespace has finalizers remaining: ${holding}`,
      holding === "" ? "ContentHasNoFinalizers" : "SomeFinalizersRemain",
      "All content-preserving finalizers finished",
    ],
  ];
  return facts.map(([type, problem, reason, fine]) => {
    const status = problem === "" ? "False" : "True";
    const message = problem === "" ? fine : problem;
    const before = known.find((one) => one.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : rfc3339(nowMs);
    return { type, status, reason, message, lastTransitionTime };
  });
}
