/** The API server, put together. It owns no socket: exchanges are handed to it. */
import { ByteBudget } from "#base/byte-budget.ts";
import type { Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import type { Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import { turnsOf } from "#base/turns.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { noDescriptions, type Descriptions } from "#machinery/openapi.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonValue } from "#machinery/shape.ts";
import type { Store } from "#storage/store.ts";
import type { Exchange } from "#wire/http.ts";
import type { AdmissionPlugin, Authenticator, Authorizer, User } from "./access.ts";
import { AdmissionChain } from "./admission-chain.ts";
import { Commits } from "./commits.ts";
import { bodyLimits } from "./body.ts";
import type { Core, WriteCall } from "./call.ts";
import { DamagedEntries } from "./damaged.ts";
import { createDirectClient } from "./direct-client.ts";
import { builtInPaths } from "./built-in-paths.ts";
import type { HealthCheck } from "./health.ts";
import { RequestMetrics } from "./metrics.ts";
import { Paths, type PathHook } from "./paths.ts";
import { answer } from "./pipeline.ts";
import { keptLimits } from "./reply-list.ts";
import { Races } from "./races.ts";
import { Registry, type Served } from "./registry.ts";
import { Seats } from "./seats.ts";
import type { ConnectHook } from "./subresource.ts";
import { bind } from "./subresources/binding.ts";
import { subresourcesOf } from "./subresources.ts";
import { EncodedForms, framesBytesMax } from "./encoded-forms.ts";
import { EncodedItems } from "./encoded-items.ts";
import { History, PastReader } from "./watch-cache.ts";

export type { ConnectHook, PathHook, HealthCheck };

/** Answers a create of a kind that is not stored, such as a review. */
export type CreateHook = (object: KubeObject, call: WriteCall) => Promise<KubeObject> | KubeObject;
/** Answers a post to a subresource that the owner of the server knows about, by "serviceaccounts/token". */
export type PostHook = (call: WriteCall, object: KubeObject) => Promise<JsonValue>;
export type PostHooks = Readonly<Record<string, PostHook | undefined>>;

export interface ApiServerOptions {
  readonly store: Store;
  readonly catalogue: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Asked in order. These arrays may grow until the first request, since their members need clients of this server. */
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  readonly admission: readonly AdmissionPlugin[];
  /** By "pods/exec". May grow until the first request. */
  readonly connect?: Readonly<Record<string, ConnectHook | undefined>>;
  readonly posts?: PostHooks;
  /** By definition id, e.g. "tokenreviews.authentication.k8s.io". May grow until the first request. */
  readonly created?: ReadonlyMap<string, CreateHook>;
  /** The words about types and fields; asked for whenever OpenAPI documents are made, which is rare. */
  readonly descriptions?: () => Descriptions;
  /** Checks of /readyz, /livez and /healthz beside the built-in ones. */
  readonly checks?: readonly HealthCheck[];
}

/** Everything requests are answered with. */
export interface Server extends Core {
  readonly authenticators: readonly Authenticator[];
  /** Aborted when the server ends. A request's own is made on demand, since it costs more than most requests. */
  readonly signal: AbortSignal;
  readonly seats: Seats;
  /** What request bodies take in memory. */
  readonly bodies: ByteBudget;
  /** What encoded lists take until they are sent. */
  readonly kept: ByteBudget;
  /** Events of watches and items of lists, as they were sent. */
  readonly frames: EncodedForms;
  readonly items: EncodedItems;
  readonly requestMetrics: RequestMetrics;
  readonly paths: Paths;
  /** Groups that something else answers, by "metrics.k8s.io/v1beta1". */
  readonly delegates: Map<string, ConnectHook>;
  readonly connect: Readonly<Record<string, ConnectHook | undefined>>;
  readonly created: ReadonlyMap<string, CreateHook>;
  readonly descriptions: () => Descriptions;
}

export interface ApiServer {
  /** Answers one request. Never throws. */
  serve(exchange: Exchange): Promise<void>;
  /** The API by direct call, as this user. */
  directClient(user: User): Client;
  /** Serves a resource from now on. */
  addResource(definition: ResourceDefinition, custom?: boolean): Served;
  removeResource(definition: ResourceDefinition): void;
  /** Lets something else answer a group and version, e.g. "metrics.k8s.io/v1beta1". */
  delegate(groupVersion: string, hook: ConnectHook): void;
  /** Lets something else answer a path. */
  addPath(path: string, hook: PathHook): void;
  readonly server: Server;
}

// Kinds that are bodies of subresources, not resources of their own.
const bodies = new Set(["scales.autoscaling", "evictions.policy", "tokenrequests.authentication.k8s.io"]);
// Kinds that are answered, not stored.
const computed = new Set(["bindings", "componentstatuses"]);

/** @param signal Ends everything that runs. */
export function createApiServer(options: ApiServerOptions, signal: AbortSignal): ApiServer {
  const { store, clock, random, log, authenticators, authorizer } = options;
  const metrics = options.metrics ?? new Metrics();
  const turns = turnsOf(clock);
  const damaged = new DamagedEntries(log.for("storage"), metrics);
  const registry = new Registry({
    damaged,
    store,
    clock,
    log,
    turns,
    history: new History(clock),
    past: new PastReader(),
    signal,
    subresourcesOf: (definition, custom) => subresourcesOf(definition, { custom, hooks: options.posts ?? {} }),
    isStored: ({ id, verbs }) => !computed.has(id) && verbs.includes("get"),
  });
  const seats = new Seats();
  const created = new Map<string, CreateHook>();
  const server: Server = {
    store,
    registry,
    commits: new Commits(store),
    admission: new AdmissionChain(options.admission),
    authorizer,
    races: new Races(clock, random),
    clock,
    turns,
    random,
    log,
    authenticators,
    signal,
    seats,
    bodies: new ByteBudget(bodyLimits),
    kept: new ByteBudget(keptLimits),
    frames: new EncodedForms(framesBytesMax),
    items: new EncodedItems(),
    requestMetrics: new RequestMetrics(metrics, { seats, registry }),
    paths: new Paths(),
    descriptions: options.descriptions ?? (() => noDescriptions),
    delegates: new Map(),
    connect: options.connect ?? {},
    created: { get: (id: string) => options.created?.get(id) ?? created.get(id) } as ReadonlyMap<string, CreateHook>,
  };
  created.set("bindings", (object, call) => bindingStatus(server, call, object));
  for (const definition of options.catalogue) if (!bodies.has(definition.id)) registry.add(definition);
  builtInPaths(server, { metrics, checks: options.checks ?? [], damaged });
  return {
    serve: (exchange) => answer(server, exchange),
    directClient: (user) => createDirectClient(server, { user, signal }),
    addResource: (definition, custom = true) => registry.add(definition, custom),
    removeResource: (definition) => registry.remove(definition),
    delegate: (groupVersion, hook) => void server.delegates.set(groupVersion, hook),
    addPath: (path, hook) => server.paths.add(path, hook),
    server,
  };
}

async function bindingStatus(server: Server, call: WriteCall, object: KubeObject): Promise<KubeObject> {
  // Holds because a Status is an object with a kind and metadata, which is all that rendering needs.
  return (await bind(server, call, object)) as unknown as KubeObject;
}
