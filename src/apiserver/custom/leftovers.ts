/**
 * Objects of custom resources whose definition is gone: left behind by a crash or an older kedge, they would come back
 * with the next definition of that name. They are looked for once, at the start.
 */
import { untyped } from "#machinery/resource.ts";
import { customResourceDefinitions } from "#resources/apiextensions/custom-resource-definition.ts";
import { prefixEnd, type Entry, type Store } from "#storage/store.ts";
import { cacheOf, type Core } from "../call.ts";

const registry = "/registry/";
const pageSize = 500;

/** @throws the signal's reason. What is read fails as the store does. */
export async function removeLeftovers(core: Core, signal: AbortSignal): Promise<void> {
  const crds = core.registry.of(untyped(customResourceDefinitions));
  if (!crds) return;
  const cache = await cacheOf(crds);
  const known = (group: string, plural: string): boolean => {
    const key = cache.kind.storeKey({ namespace: "", name: `${plural}.${group}` });
    return cache.get(key) !== undefined || cache.damagedAt(key) !== undefined;
  };
  const builtIn = new Set<string>();
  for (const { definition, custom } of core.registry.all()) if (!custom) builtIn.add(definition.group);
  for await (const prefix of prefixes(core.store, signal)) {
    const [group = "", plural = ""] = prefix.slice(registry.length).split("/");
    if (builtIn.has(group) || known(group, plural)) continue;
    const removed = await removeAll(core.store, prefix, signal);
    core.log.warn("removed stored objects whose definition is gone", { group, resource: plural, objects: removed });
  }
}

/** "/registry/example.com/toys/" and the like: the groups of definitions have a dot, core resources have none. */
async function* prefixes(store: Store, signal: AbortSignal): AsyncGenerator<string> {
  let from = registry;
  for (;;) {
    signal.throwIfAborted();
    const [first] = await page(store, { from, to: prefixEnd(registry), limit: 1 });
    if (!first) return;
    const [group = "", plural] = first.key.slice(registry.length).split("/");
    const isGroup = group.includes(".") && plural !== undefined;
    const prefix = isGroup ? `${registry}${group}/${plural}/` : `${registry}${group}/`;
    if (isGroup) yield prefix;
    from = prefixEnd(prefix);
  }
}

async function removeAll(store: Store, prefix: string, signal: AbortSignal): Promise<number> {
  let removed = 0;
  for (;;) {
    signal.throwIfAborted();
    const entries = await page(store, { from: prefix, to: prefixEnd(prefix), limit: pageSize });
    if (entries.length === 0) return removed;
    // What changed since it was read is found again by the next page.
    await Promise.all(entries.map(({ key, modRevision: expected }) => store.commit([{ key, expected }])));
    removed += entries.length;
  }
}

async function page(store: Store, request: Parameters<Store["range"]>[0]): Promise<readonly Entry[]> {
  return (await store.range(request)).entries;
}
