/** What every verb is given: the parts of the server it needs, and who asks for what. */
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { own } from "#base/own.ts";
import type { Random } from "#base/random.ts";
import type { Turns } from "#base/turns.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { internal, type Target } from "#machinery/status.ts";
import type { Store } from "#storage/store.ts";
import type { Attributes, Authorizer, User } from "./access.ts";
import type { AdmissionChain } from "./admission-chain.ts";
import type { Commits } from "./commits.ts";
import type { Races } from "./races.ts";
import type { Registry, Served } from "./registry.ts";
import type { StoredObject } from "./stored-object.ts";
import type { WatchCache } from "./watch-cache.ts";

/** The parts of the API server that verbs work with. */
export interface Core {
  readonly store: Store;
  /** For writes that change other keys with them. */
  readonly commits: Commits;
  readonly registry: Registry;
  readonly admission: AdmissionChain;
  readonly authorizer: Authorizer;
  readonly races: Races;

  readonly clock: Clock;
  /** For work that takes long. */
  readonly turns: Turns;
  readonly random: Random;
  readonly log: Log;
}

/** One request to one resource, whatever it came by. */
export interface Call {
  readonly served: Served;
  /** The name is "" where a collection is meant. */
  readonly key: ObjectKey;
  readonly subresource: string;
  readonly user: User;
  readonly signal: AbortSignal;
}

export interface WriteCall extends Call {
  /** Who owns the fields that are written. */
  readonly manager: string;
  readonly dryRun: boolean;
  /** True when each step may take milliseconds: then it rests between them. */
  readonly isLarge: boolean;
  readonly fieldValidation: FieldValidation;
  /** Takes a sentence for the person at the other end. */
  readonly warn: (sentence: string) => void;
}

// Below, a whole write takes a few milliseconds.
const largeBytesMin = 64 * 1024;

/** Whether what is worked on, sent or stored, is large. */
export function isLarge(sizeBytes: number): boolean {
  return sizeBytes >= largeBytesMin;
}

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** An object under construction, which its holder owns and may change. */
export type Draft = Record<string, unknown> & { metadata: Record<string, unknown> };

/** A text of a draft's metadata; "" when there is none. */
export function metaText(draft: Draft, name: string): string {
  const value = own(draft.metadata, name);
  return typeof value === "string" ? value : "";
}

/** What a write answers with. */
export interface Written {
  readonly created: boolean;
  /** The object as stored, or a frozen one in the served version when it was not stored (dry run). */
  readonly object: StoredObject | KubeObject;
}

type ResourceAttributes = Extract<Attributes, { readonly kind: "resource" }>;

/** Whether whoever calls may do something else with the object, as an authorizer is asked. */
export function questionOf({ served, user, key }: Call, verb: string): ResourceAttributes {
  const { group, version, plural: resource } = served.definition;
  const selectors = { fieldSelector: "", labelSelector: "" };
  return { kind: "resource", user, verb, group, version, resource, subresource: "", ...key, ...selectors };
}

/** Which object refusals are about. */
export function targetOf(call: Call): Target {
  return { group: call.served.definition.group, resource: call.served.definition.plural, name: call.key.name };
}

/** The same with the kind in place of the resource, as upstream has it in failed validations. */
export function kindTargetOf(call: Call, name = call.key.name): Target {
  return { group: call.served.definition.group, resource: call.served.definition.kind, name };
}

/** The cache of a resource that is stored, loaded. */
export async function cacheOf(served: Served): Promise<WatchCache> {
  const { cache } = served;
  if (!cache) throw internal(`${served.definition.plural} are not stored`);
  await cache.ready();
  return cache;
}
