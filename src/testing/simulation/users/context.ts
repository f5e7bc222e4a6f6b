/** What a user has at hand who does something to the cluster. */
import type { Client } from "#client/client.ts";
import { keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { namespaces } from "#resources/core/namespace.ts";
import type { SeededRandom } from "../../seeded-random.ts";
import { simulatedContainer } from "../../simulated-kubelet.ts";
import type { History } from "../history.ts";

export interface UserContext {
  readonly client: Client;
  readonly random: SeededRandom;
  readonly history: History;
  /** Counts up, for names. */
  readonly next: () => number;
}

/** One thing users do. How often, against others. */
export interface Deed {
  readonly name: string;
  readonly weight: number;
  readonly act: (context: UserContext) => Promise<unknown>;
}

/** Namespaces that users made. */
export const teamPrefix = "team-";

export function isTeam(namespace: string | undefined): boolean {
  return namespace?.startsWith(teamPrefix) === true;
}

/** A namespace to do something in. It may be about to go. */
export function team({ history, random }: UserContext): string {
  const names = history.all(namespaces).flatMap(({ metadata }) => metadata.name ?? []);
  return random.pick(names.filter(isTeam)) ?? "default";
}

/** One of a kind that a user made, or that came of it. */
export function any<T extends KubeObject>(
  { history, random }: UserContext,
  resource: ResourceDefinition<T>,
  suits: (object: T) => boolean = () => true,
): T | undefined {
  return random.pick(history.all(resource).filter((one) => isTeam(one.metadata.namespace) && suits(one)));
}

/** An object as a user writes it. */
export function written<T extends KubeObject>(
  { apiVersion, kind }: ResourceDefinition<T>,
  metadata: KubeObject["metadata"],
  more: object = {},
): T {
  // Holds because a draft lacks only what the API server fills in.
  return { apiVersion, kind, metadata, ...more } as unknown as T;
}

export function merge<T extends KubeObject>(
  { client }: UserContext,
  target: { readonly resource: ResourceDefinition<T>; readonly object: T },
  body: JsonObject,
): Promise<T> {
  return client.patch({ resource: target.resource, key: keyOf(target.object) }, { type: "merge", body });
}

export function remove<T extends KubeObject>(
  { client, random }: UserContext,
  resource: ResourceDefinition<T>,
  object: T,
): Promise<T> {
  const propagationPolicy = random.pick(["Background", "Background", "Foreground", "Orphan"] as const);
  return client.delete(resource, keyOf(object), { propagationPolicy });
}

export function newKeyIn(context: UserContext, prefix: string): ObjectKey {
  return { namespace: team(context), name: `${prefix}-${context.next()}` };
}

export interface PodWish {
  readonly app: string;
  readonly command?: readonly string[];
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly cpu?: string;
}

export function podTemplate({ app, command, spec, annotations = {}, cpu }: PodWish): object {
  const resources = cpu === undefined ? {} : { resources: { requests: { cpu } } };
  return {
    metadata: { labels: { app }, annotations },
    spec: { containers: [simulatedContainer(command, resources)], ...spec },
  };
}
