/**
 * `kedge server`: control plane, and node unless it was told not to be. Stages are written in the order they happen.
 */
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { deadline, machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { machineRandom as random } from "#base/random.ts";
import { writeBootstrapObjects } from "#apiserver/bootstrap.ts";
import { compactor, eventExpiry } from "#apiserver/upkeep.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { Links } from "#host/links.ts";
import { nodes } from "#resources/core/node.ts";
import { openSqliteStore } from "#storage/sqlite.ts";
import type { Store } from "#storage/store.ts";
import { listen, type ExchangeHandler, type HttpServer } from "#wire/http-server.ts";
import {
  apiServerNames,
  ensureNodeCertificates,
  ensureServerCertificates,
  type ServerCertificates,
} from "./certificates.ts";
import { clusterDns, labelsOf, serviceAddress, taintsOf, type Config } from "./config.ts";
import { holdDataFolder, StartError } from "./data-folder.ts";
import { localServer, writeKubeconfig } from "./kubeconfig.ts";
import { runNode } from "./node.ts";
import { ensureBundle } from "./runtime.ts";
import { createApi, type Api } from "./server/api.ts";
import { runControlPlane } from "./server/control-plane.ts";
import { localFolders } from "./server/local-folders.ts";
import { joinAnswers } from "./server/join.ts";
import { KubeletClients } from "./server/kubelet-clients.ts";
import type { Stages } from "./stages.ts";
import { ensureTokens, givenToken, TokenVerifier } from "./tokens.ts";
import { kubernetesVersion } from "#apiserver/version.ts";

const closeGraceMs = 2_000;
// Far beyond any start that works; a store that cannot be read would otherwise be waited for without end.
const readyMsMax = 60_000;

export interface ServerRun {
  readonly config: Config;
  readonly log: Log;
  readonly stages: Stages;
  /** Prints a line for the person who started it. */
  readonly say: (line: string) => void;
}

/** What one stage hands to the next. */
interface Started extends ServerRun {
  readonly store: Store;
  readonly certificates: ServerCertificates;
  readonly api: Api;
  readonly listener: HttpServer;
  readonly address: string;
  readonly nodeName: string;
}

/** Runs until the signal is aborted. @throws StartError when it cannot start */
export async function runServer(run: ServerRun, signal: AbortSignal): Promise<void> {
  const { config, stages } = run;
  using _held = holdDataFolder(config.dataDir);
  const nodeName = (config.nodeName ?? hostname()).toLowerCase();
  const address = config.advertiseAddress ?? config.nodeIp ?? machineAddress();
  const certificates = certificatesOf(config, nodeName, address);
  const password = ensureTokens({
    folder: join(config.dataDir, "server"),
    caPem: certificates.serverCa.certificate,
    random,
    given: givenToken(config),
  });
  stages.reached("certificates and tokens");
  await using store = await openStore(run);
  stages.reached("data store");
  const life = new AbortController();
  const kubelets = new KubeletClients(certificates);
  const api = createApi(
    {
      config,
      store,
      clock,
      random,
      log: run.log.for("apiserver"),
      metrics: new Metrics(),
      serviceKey: certificates.serviceKey,
      kubeletOf: (node) => kubelets.of(node),
      checks: [],
    },
    life.signal,
  );
  const answersJoin = joinAnswers({
    config,
    certificates,
    verifier: new TokenVerifier(password),
    client: api.system,
    clock,
    log: run.log.for("join"),
  });
  const listener = await openPort(run, certificates, async (exchange) => {
    if (!(await answersJoin(exchange))) await api.server.serve(exchange);
  });
  try {
    const started: Started = { ...run, store, certificates, api, listener, address, nodeName };
    await serve(started, AbortSignal.any([signal, life.signal]));
  } finally {
    await listener.close(closeGraceMs);
    kubelets.close();
    life.abort(new Error("the server ends"));
  }
}

async function serve(started: Started, signal: AbortSignal): Promise<void> {
  const { api, config, certificates, stages, log, store } = started;
  const parts = { clock, log };
  const running = [supervise(compactor(store, clock), parts, signal)];
  await becomeReady(started, signal);
  const apiSeconds = stages.reached(`API ready on port ${started.listener.port}`);
  running.push(
    supervise(eventExpiry(api.system, clock), parts, signal),
    runControlPlane(
      {
        api,
        config,
        clock,
        log,
        random,
        rootCa: certificates.serverCa.certificate,
        localStoragePath: join(config.dataDir, "storage"),
      },
      signal,
    ),
  );
  if (config.disableAgent) started.say(`ready: api ${apiSeconds} s`);
  else
    running.push(startNode(started, signal), markControlPlane(started, signal), announce(started, apiSeconds, signal));
  await Promise.all(running);
}

/** @throws StartError when the API does not become ready in time, e.g. because what is stored cannot be read */
async function becomeReady(started: Started, signal: AbortSignal): Promise<void> {
  const { api, config, certificates } = started;
  using limit = deadline(clock, readyMsMax, signal);
  try {
    await writeBootstrapObjects(
      {
        client: api.system,
        serviceCidr: config.serviceCidr,
        serviceAddress: serviceAddress(config, 1),
        advertiseAddress: started.address,
        advertisePort: started.listener.port,
        clientCa: certificates.clientCa.certificate,
        requestHeaderCa: certificates.requestHeaderCa.certificate,
      },
      limit.signal,
    );
    await api.whenReady(limit.signal);
  } catch (error) {
    if (signal.aborted || !limit.signal.aborted) throw error;
    throw new StartError(
      `expected the API to be ready within ${readyMsMax / 1000} s, found that it is not; the lines above say why. If what is stored is damaged, restore ${config.dataDir}/server from a backup`,
    );
  }
  try {
    writeKubeconfig(
      config.writeKubeconfig,
      {
        server: localServer(config.bindAddress, started.listener.port),
        serverCa: certificates.serverCa.certificate,
        client: certificates.clients.admin,
      },
      config.writeKubeconfigMode,
    );
  } catch (error) {
    throw new StartError(
      `expected to write the kubeconfig "${config.writeKubeconfig}", found ${messageOf(error)}; choose another place with --write-kubeconfig`,
    );
  }
}

function certificatesOf(config: Config, nodeName: string, address: string): ServerCertificates {
  const names = apiServerNames({
    clusterDomain: config.clusterDomain,
    serviceAddress: serviceAddress(config, 1),
    nodeName,
    more: [address, machineAddress(), ...config.tlsSan],
  });
  return ensureServerCertificates({ folder: join(config.dataDir, "server/tls"), clock, names });
}

async function openStore({ config, log }: ServerRun): Promise<Store> {
  try {
    return await openSqliteStore({ dataDir: config.dataDir, clock, log: log.for("storage") });
  } catch (error) {
    throw new StartError(messageOf(error));
  }
}

async function openPort(
  { config, log }: ServerRun,
  certificates: ServerCertificates,
  answer: ExchangeHandler,
): Promise<HttpServer> {
  const { serving, clientCa } = certificates;
  try {
    return await listen(
      {
        host: config.bindAddress,
        port: config.httpsListenPort,
        tls: { certificate: serving.certificate, key: serving.key, clientCa: clientCa.certificate },
        log: log.for("http"),
      },
      answer,
    );
  } catch (error) {
    throw new StartError(`${messageOf(error)} (--https-listen-port)`);
  }
}

/** The address of the default route's link, or any other that is not loopback. */
function machineAddress(): string {
  const found = Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith("kedge-") && !name.startsWith("veth"))
    .flatMap(([, addresses]) => addresses ?? [])
    .find((address) => address.family === "IPv4" && !address.internal);
  return found?.address ?? "127.0.0.1";
}

async function startNode(started: Started, signal: AbortSignal): Promise<void> {
  const { config, api, certificates, log, nodeName, address, stages } = started;
  const bundle = await ensureBundle(signal);
  stages.reached("container runtime found");
  const nodeIp = config.nodeIp ?? (await new Links(bundle.ip).defaultAddress()) ?? address;
  const own = ensureNodeCertificates(certificates, {
    folder: join(config.dataDir, "agent"),
    clock,
    nodeName,
    addresses: [nodeIp, "127.0.0.1"],
  });
  const client = api.clientFor({ name: `system:node:${nodeName}`, groups: ["system:nodes", "system:authenticated"] });
  const recorder = new EventRecorder({ client, clock, log, source: { component: "kubelet", host: nodeName } });
  const folders = localFolders({
    client: api.system,
    informers: api.informers,
    clock,
    log: log.for("local-folders"),
    nodeName,
    folder: join(config.dataDir, "storage"),
  });
  const beside = [recorder, folders].map((component) => supervise(component, { clock, log }, signal));
  await runNode(
    {
      client,
      informers: api.informers,
      recorder,
      clock,
      random,
      log,
      bundle,
      dataDir: config.dataDir,
      nodeName,
      nodeIp,
      api: { address: config.advertiseAddress ?? nodeIp, port: config.httpsListenPort },
      labels: labelsOf(config),
      taints: taintsOf(config),
      clusterCidr: config.clusterCidr,
      serviceCidr: config.serviceCidr,
      clusterDns: clusterDns(config),
      clusterDomain: config.clusterDomain,
      version: kubernetesVersion,
      tls: { certificate: own.serving.certificate, key: own.serving.key, clientCa: certificates.clientCa.certificate },
      disabled: new Set(config.disable),
    },
    signal,
  );
  await Promise.all(beside);
}

const controlPlaneLabel = "node-role.kubernetes.io/control-plane";

/** A node may not give itself a role: the server does, when its node has registered. */
async function markControlPlane({ api, nodeName, log }: Started, signal: AbortSignal): Promise<void> {
  const informer = api.informers.informer(nodes);
  informer.onChange(({ type, object }) => {
    if (
      type === "deleted" ||
      object.metadata.name !== nodeName ||
      object.metadata.labels?.[controlPlaneLabel] === "true"
    )
      return;
    const body = { metadata: { labels: { [controlPlaneLabel]: "true" } } };
    api.system
      .patch({ resource: nodes, key: { namespace: "", name: nodeName } }, { type: "merge", body })
      .catch((error: unknown) => log.warn("the node was not marked as control plane", { error: messageOf(error) }));
  }, signal);
  await informer.whenSynced(signal);
}

/** Says when the node takes pods: by a report of this run, not by what an earlier one left in the store. */
async function announce(started: Started, apiSeconds: string, signal: AbortSignal): Promise<void> {
  const { api, nodeName, stages, say } = started;
  // Reports have whole seconds.
  const sinceMs = Math.floor(clock.nowMs() / 1000) * 1000;
  const informer = api.informers.informer(nodes);
  await new Promise<void>((resolve) => {
    const done = new AbortController();
    informer.onChange(
      ({ object }) => {
        const ready =
          object.metadata.name === nodeName &&
          object.status.conditions?.some(
            ({ type, status, lastHeartbeatTime = "" }) =>
              type === "Ready" && status === "True" && Date.parse(lastHeartbeatTime) >= sinceMs,
          );
        if (ready !== true) return;
        done.abort(new Error("seen"));
        resolve();
      },
      AbortSignal.any([signal, done.signal]),
    );
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  if (signal.aborted) return;
  const nodeSeconds = stages.reached(`node ${nodeName} ready`);
  say(`ready: api ${apiSeconds} s, node ${nodeSeconds} s`);
}
