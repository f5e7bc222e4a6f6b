/**
 * Custom kinds come to the API server a moment after it has started. Who empties something of every kind there is must
 * not take the ones that are known by then for all.
 */
import type { Client } from "#client/client.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { customResourceDefinitions } from "#resources/apiextensions/custom-resource-definition.ts";
import { isTrue } from "./conditions.ts";

/** Each kind once: as it is stored, or, while that version is not served, in another one. */
export function eachKindOnce(resources: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  const found = new Map<string, ResourceDefinition>();
  for (const resource of resources) {
    const { id } = resource.storedAs?.resource() ?? resource;
    if (resource.storedAs === undefined || !found.has(id)) found.set(id, resource);
  }
  return [...found.values()];
}

/** @throws Error while a custom kind that is established is not served yet: try again. */
export async function everyKindServed(client: Client, resources: ResourceSource, signal?: AbortSignal): Promise<void> {
  const { items } = await client.list(customResourceDefinitions, {}, signal);
  const served = new Set(resources.all().map(({ group, plural }) => `${plural}.${group}`));
  // One without a version to be served is never.
  const due = items.filter(
    ({ spec, status }) => isTrue(status.conditions, "Established") && spec.versions.some((version) => version.served),
  );
  const missing = due.find(({ spec }) => !served.has(`${spec.names.plural}.${spec.group}`));
  if (missing) throw new Error(`expected every custom kind to be served, found "${missing.metadata.name}" not yet`);
}

/** Calls `work` for each, `besideMax` of them side by side. @throws The first failure, once all were tried. */
export async function forEachBeside<T>(
  items: readonly T[],
  besideMax: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next++];
      try {
        if (item !== undefined) await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(besideMax, items.length) }, one));
  if (failures.length > 0) throw failures[0];
}
