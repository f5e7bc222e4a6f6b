/** An API server with the roles, authorizers and admission of a cluster, over the memory store and without sockets. */
import { createAdmission } from "#apiserver/admission.ts";
import type { AdmissionPlugin, Authorizer, User } from "#apiserver/access.ts";
import { createAuthentication } from "#apiserver/authentication.ts";
import { createAuthorization } from "#apiserver/authorization.ts";
import { writeBootstrapObjects } from "#apiserver/bootstrap.ts";
import type { connectHooks } from "#apiserver/connect.ts";
import { createDirectClient } from "#apiserver/direct-client.ts";
import { reviewHooks } from "#apiserver/reviews.ts";
import type { CreateHook } from "#apiserver/server.ts";
import { parseCidr } from "#base/cidr.ts";
import { must } from "#base/assert.ts";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { machineRandom } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import { createInformers } from "#client/watch-informer.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { TestApiServer } from "./api-server.ts";

type ConnectHook = ReturnType<typeof connectHooks>[string];

export interface ClusterApi {
  readonly server: TestApiServer;
  /** Sees the API as an administrator. */
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly metrics: Metrics;
  /** Hooks of subresources that are conversations, to be filled in. */
  readonly connect: Record<string, ConnectHook>;
  readonly authorizer: Authorizer;
  /** Events of the API server itself: "Service web: message". */
  readonly recorded: readonly string[];
}

const admin: User = { name: "admin", groups: ["system:masters"] };

/**
 * Runs until the signal is aborted.
 *
 * @param store Of several servers, when they share one.
 */
export async function startClusterApi(signal: AbortSignal, store = openMemoryStore()): Promise<ClusterApi> {
  const admission: AdmissionPlugin[] = [];
  const metrics = new Metrics();
  const recorded: string[] = [];
  let authorization: ReturnType<typeof createAuthorization> | undefined;
  const connect: Record<string, ConnectHook> = {};
  const authorizer: Authorizer = {
    authorize: (attributes) =>
      attributes.user.groups.includes("system:masters")
        ? { kind: "allowed", reason: "" }
        : must(authorization, "it is made before the first request of others").authorize(attributes),
  };
  const created = new Map<string, CreateHook>();
  const server = new TestApiServer({ store, admission, metrics, authorizer, connect, created });
  const client = createDirectClient(server.api.server, { user: admin, signal });
  const informers = createInformers(client, { clock: machineClock, log: silentLog }, signal);
  authorization = createAuthorization(informers);
  // Whoever asks shows a certificate; what a review is asked about was signed by nobody here.
  const verifier = { issuerOf: () => undefined, verify: () => Promise.reject(new Error("expected a token of ours")) };
  const options = { client, clock: machineClock, issuer: "", audiences: [], verifier };
  const { serviceAccountTokens: tokens } = createAuthentication(options);
  const reviews = reviewHooks({ authorizer, rules: authorization, tokens, audiences: [], clock: machineClock });
  for (const [id, hook] of reviews) created.set(id, hook);
  admission.push(
    ...createAdmission({
      core: server.api.server,
      informers,
      client,
      random: machineRandom,
      clock: machineClock,
      metrics,
      recorder: { record: ({ kind, metadata }, { message }) => recorded.push(`${kind} ${metadata.name}: ${message}`) },
      authorization,
      serviceCidr: must(parseCidr("10.43.0.0/16"), "it is one"),
      nodePorts: { first: 30_000, last: 32_767 },
      reservedAddresses: new Map(),
    }),
  );
  const addresses = { serviceCidr: "10.43.0.0/16", serviceAddress: "10.43.0.1", advertiseAddress: "192.0.2.1" };
  const others = { client, advertisePort: 6443, clientCa: "", requestHeaderCa: "" };
  await writeBootstrapObjects({ ...addresses, ...others }, signal);
  await authorization.whenSynced(signal);
  return { server, client, informers, metrics, connect, authorizer, recorded };
}
