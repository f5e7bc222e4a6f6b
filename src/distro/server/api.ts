/** The API server of this process: store, credentials, rules and socket put together. */
import { must } from "#base/assert.ts";
import { parseCidr } from "#base/cidr.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import { utf8 } from "#base/bytes.ts";
import type { Client } from "#client/client.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { createInformers, type SharedInformers } from "#client/watch-informer.ts";
import { catalogue } from "#resources/catalogue.ts";
import type { TokenRequest } from "#resources/authentication/token-request.ts";
import type { Node } from "#resources/core/node.ts";
import { superusers, type AdmissionPlugin, type Authenticator, type Authorizer, type User } from "#apiserver/access.ts";
import { createAdmission, repairClaims } from "#apiserver/admission.ts";
import { createAuthentication, serviceAccountClaims, tokenRequests } from "#apiserver/authentication.ts";
import { createAuthorization, mastersAuthorizer, type Authorization } from "#apiserver/authorization.ts";
import { connectHooks } from "#apiserver/connect.ts";
import { removeLeftovers, serveCustomResources } from "#apiserver/custom-resources.ts";
import { createDirectClient } from "#apiserver/direct-client.ts";
import { reviewHooks } from "#apiserver/reviews.ts";
import {
  createApiServer,
  type ApiServer,
  type CreateHook,
  type HealthCheck,
  type PostHook,
} from "#apiserver/server.ts";
import { podView as podsOfControllers } from "#controllers/pod-view.ts";
import { fakePodView } from "#kubelet/fake-pod-view.ts";
import { podView as podsOfScheduler } from "#scheduler/pod-view.ts";
import type { Store } from "#storage/store.ts";
import type { HttpClient } from "#wire/http-client.ts";
import { JwtSigner, JwtVerifier, jwksOf, uncheckedClaims } from "#wire/jwt.ts";
import { clusterDns, serviceAddress, type Config } from "../config.ts";
import type { Destinations } from "./destinations.ts";
import { readDescriptions } from "./descriptions.ts";

export interface ApiOptions {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Private key in PEM that signs service account tokens. */
  readonly serviceKey: string;
  readonly kubeletOf: (node: Node) => HttpClient;
  readonly destinations: Destinations;
  readonly checks: readonly HealthCheck[];
}

export interface Api {
  readonly server: ApiServer;
  /** A client of this process that the API server sees as `user`. */
  readonly clientFor: (user: User) => Client;
  /** The server's own client, which may do everything. */
  readonly system: Client;
  readonly informers: SharedInformers;
  /** Writes events of the API server itself; its owner runs it. */
  readonly recorder: EventRecorder;
  /** Resolves once roles are in memory: requests are decided as they should be from then on. */
  readonly whenReady: (signal: AbortSignal) => Promise<void>;
}

const systemUser: User = { name: "system:apiserver", groups: [superusers] };

export function createApi(options: ApiOptions, signal: AbortSignal): Api {
  const { clock, random, log, config, store, metrics } = options;
  const issuer = `https://kubernetes.default.svc.${config.clusterDomain}`;
  const audiences = [issuer, "https://kubernetes.default.svc"];
  // The server needs its rules and the rules need clients of the server: they are filled in below, before any request.
  const late: Late = { authenticators: [], admission: [], connect: {}, posts: {}, created: new Map() };
  const server = createApiServer(
    {
      store,
      catalogue,
      clock,
      random,
      log,
      metrics,
      authorizer: { authorize: (attributes) => (late.authorization ?? mastersAuthorizer).authorize(attributes) },
      checks: options.checks,
      descriptions: readDescriptions,
      ...late,
    },
    signal,
  );
  const clientFor = (user: User): Client => createDirectClient(server.server, { user, signal });
  const system = clientFor(systemUser);
  const informers = createInformers(system, { clock, log: log.for("informers") }, signal);
  // The API server looks at pods before those do who read more of them: one informer is to hold it all.
  informers.expect(podsOfControllers);
  informers.expect(podsOfScheduler);
  if (config.fakeNodes > 0) informers.expect(fakePodView);
  const customResources = serveCustomResources(server, informers, signal);
  const authorization = createAuthorization(informers);
  late.authorization = authorization;
  addAuthentication(late, { ...options, system, issuer, audiences, authorization }, server);
  const recorder = new EventRecorder({ client: system, clock, log: log.for("events"), source: { component: "kedge" } });
  const parts = { informers, client: system, random, clock, metrics, recorder, authorization };
  late.admission.push(
    ...createAdmission({
      ...parts,
      core: server.server,
      serviceCidr: must(parseCidr(config.serviceCidr), "checked when the configuration was read"),
      nodePorts: portRange(config.serviceNodePortRange),
      reservedAddresses: new Map([
        [serviceAddress(config, 1), { namespace: "default", name: "kubernetes" }],
        [clusterDns(config), { namespace: "kube-system", name: "kube-dns" }],
      ]),
    }),
  );
  Object.assign(
    late.connect,
    connectHooks({
      client: system,
      authorizer: authorization,
      kubeletOf: options.kubeletOf,
      destinationRefusal: (destination) => options.destinations.refusal(destination),
    }),
  );
  const whenReady = async (until: AbortSignal): Promise<void> => {
    await Promise.all([authorization.whenSynced(until), customResources]);
    await removeLeftovers(server.server, until);
    await repairClaims(server.server, until);
  };
  return { server, clientFor, system, informers, recorder, whenReady };
}

interface Late {
  authorization?: Authorization & Authorizer;
  readonly authenticators: Authenticator[];
  readonly admission: AdmissionPlugin[];
  readonly connect: Record<string, ReturnType<typeof connectHooks>[string]>;
  readonly posts: Record<string, PostHook>;
  readonly created: Map<string, CreateHook>;
}

interface AuthenticationParts extends ApiOptions {
  readonly system: Client;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly authorization: Authorization;
}

function addAuthentication(late: Late, parts: AuthenticationParts, server: ApiServer): void {
  const { clock, random, issuer, audiences, system: client, authorization } = parts;
  const signer = new JwtSigner(parts.serviceKey);
  const verifier = new JwtVerifier([signer.key]);
  const { inOrder, serviceAccountTokens } = createAuthentication({
    client,
    clock,
    issuer,
    audiences,
    verifier: {
      issuerOf: (token) => {
        const claimed = uncheckedClaims(token)?.["iss"];
        return typeof claimed === "string" ? claimed : undefined;
      },
      verify: async (token) => {
        const verdict = verifier.verify(token, clock.nowMs());
        if (verdict.kind === "valid") return serviceAccountClaims(verdict.claims);
        throw new Error(verdict.why);
      },
    },
  });
  late.authenticators.push(...inOrder);
  const reviews = reviewHooks({
    authorizer: authorization,
    rules: authorization,
    tokens: serviceAccountTokens,
    audiences,
    clock,
  });
  for (const [id, hook] of reviews) late.created.set(id, hook);
  const issue = tokenRequests({
    client,
    authorizer: authorization,
    clock,
    random,
    issuer,
    audiences,
    sign: async (claims) => signer.sign({ ...claims }),
  });
  // Holds because the pipeline decodes the body of this subresource as a TokenRequest, and answers with plain JSON.
  late.posts["serviceaccounts/token"] = async (call, object) =>
    (await issue(call.user, call.key, object as TokenRequest)) as never;
  const document = {
    issuer,
    jwks_uri: `${issuer}/openid/v1/jwks`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [signer.key.algorithm],
  };
  const answer = (type: string, body: unknown) => async (exchange: Parameters<ApiServer["serve"]>[0]) =>
    exchange.reply(200, { "content-type": type, "cache-control": "public, max-age=3600" }, utf8(JSON.stringify(body)));
  server.addPath("/.well-known/openid-configuration", answer("application/json", document));
  server.addPath("/openid/v1/jwks", answer("application/jwk-set+json", jwksOf([signer.key])));
}

function portRange(text: string): { readonly first: number; readonly last: number } {
  const [first, last] = text.split("-").map(Number);
  return { first: first ?? 30_000, last: last ?? 32_767 };
}
