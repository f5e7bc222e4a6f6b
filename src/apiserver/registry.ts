/**
 * Which resources are served. Built-in ones are added at the start, custom ones come and go while the server runs.
 * Versions of one kind share what is stored: one cache, one prefix of keys.
 */
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { rulesOf, type KindRules } from "./kind-rules.ts";
import { StoredKind, type StoredObject } from "./stored-object.ts";
import type { Subresource } from "./subresource.ts";
import { WatchCache, type WatchCacheParts } from "./watch-cache.ts";

/** One resource in one version. */
export interface Served {
  readonly definition: ResourceDefinition;
  readonly rules: KindRules;
  /** Absent for a resource that is computed, not stored. */
  readonly cache: WatchCache | undefined;
  readonly subresources: ReadonlyMap<string, Subresource>;
  /** True when stored objects are of this version: their bytes can be sent as they are. */
  readonly isStoredVersion: boolean;
  readonly custom: boolean;
}

/** A stored object as this version shows it. Frozen when the stored one is. */
export function shown(served: Served, object: StoredObject): KubeObject {
  const { storedAs } = served.definition;
  return storedAs ? storedAs.fromStored(object.object) : object.object;
}

export interface RegistryOptions extends WatchCacheParts {
  readonly subresourcesOf: (definition: ResourceDefinition, custom: boolean) => ReadonlyMap<string, Subresource>;
  /** True for a kind that is stored; others are answered by a hook. */
  readonly isStored: (definition: ResourceDefinition) => boolean;
}

export class Registry {
  private readonly options: RegistryOptions;
  // By "group/version/plural".
  private readonly served = new Map<string, Served>();
  // By prefix.
  private readonly caches = new Map<string, WatchCache>();
  /** Counts changes, so that what is derived from the whole registry knows when it is old. */
  generation = 0;
  private readonly listeners = new Set<() => void>();

  constructor(options: RegistryOptions) {
    this.options = options;
  }

  find(group: string, version: string, plural: string): Served | undefined {
    return this.served.get(`${group}/${version}/${plural}`);
  }

  of(definition: ResourceDefinition): Served | undefined {
    return this.find(definition.group, definition.version, definition.plural);
  }

  all(): Iterable<Served> {
    return this.served.values();
  }

  /** Adds a resource, or replaces the one of the same group, version and plural. */
  add(definition: ResourceDefinition, custom = false): Served {
    const stored = definition.storedAs?.resource() ?? definition;
    const made: Served = {
      definition,
      rules: rulesOf(definition, custom),
      cache: this.options.isStored(definition) ? this.cacheOf(stored) : undefined,
      subresources: this.options.subresourcesOf(definition, custom),
      isStoredVersion: stored === definition,
      custom,
    };
    this.served.set(`${definition.group}/${definition.version}/${definition.plural}`, made);
    this.changed();
    return made;
  }

  /** Stops serving a resource. What is stored stays. */
  remove(definition: ResourceDefinition): void {
    const key = `${definition.group}/${definition.version}/${definition.plural}`;
    const removed = this.served.get(key)?.cache;
    this.served.delete(key);
    this.changed();
    if (!removed || [...this.served.values()].some(({ cache }) => cache === removed)) return;
    // A version that is left may have brought another one in its place.
    if (this.caches.get(removed.kind.prefix) === removed) this.caches.delete(removed.kind.prefix);
    removed.stop();
  }

  /** Calls `listener` after every change until the signal is aborted. */
  onChange(listener: () => void, signal: AbortSignal): void {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => this.listeners.delete(listener), { once: true });
  }

  private changed(): void {
    this.generation += 1;
    for (const listener of this.listeners) listener();
  }

  private cacheOf(stored: ResourceDefinition): WatchCache {
    const kind = new StoredKind(stored);
    const known = this.caches.get(kind.prefix);
    // Another definition reads what is stored in another way: everything is read anew, and watches start over.
    if (known?.kind.definition === stored) return known;
    known?.stop();
    const made = new WatchCache(kind, this.options);
    this.caches.set(kind.prefix, made);
    return made;
  }
}
