/**
 * `kedge server`: control plane, and node unless it was told not to be. Stages are written in the order they happen.
 */
import { hostname, networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { messageOf } from "#base/assert.ts";
import { deadline, machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { Metrics } from "#base/metrics.ts";
import { machineRandom as random } from "#base/random.ts";
import { bootstrapTokenAuthenticator } from "#apiserver/authentication.ts";
import { writeBootstrapObjects } from "#apiserver/bootstrap.ts";
import { StoredKind } from "#apiserver/stored-object.ts";
import { compactor, eventExpiry } from "#apiserver/upkeep.ts";
import { untyped } from "#machinery/resource.ts";
import { leases } from "#resources/coordination/lease.ts";
import { openSqliteStore } from "#storage/sqlite.ts";
import type { Store } from "#storage/store.ts";
import { listen, type ExchangeHandler, type HttpServer, type TlsMaterial } from "#wire/http-server.ts";
import {
  apiServerNames,
  ensureServerCertificates,
  type ServerCertificateOptions,
  type ServerCertificates,
} from "./certificates.ts";
import { clockBehind } from "./certificates/clock-behind.ts";
import { writeSecret } from "./certificates/files.ts";
import { Renewable, renewal, type Renewed } from "./certificates/renewal.ts";
import { serviceAddress, type Config } from "./config.ts";
import { holdDataFolder, StartError } from "./data-folder.ts";
import { foundingOf, type Founding } from "./first-start.ts";
import { kubeconfigRecord, localServer, writeKubeconfig } from "./kubeconfig.ts";
import { nodePassword } from "./node-password.ts";
import type { ServerRun } from "./server-run.ts";
import { createApi, type Api } from "./server/api.ts";
import { DiskTrouble } from "./server/disk-trouble.ts";
import { runControlPlane } from "./server/control-plane.ts";
import { Destinations } from "./server/destinations.ts";
import { runFakeNodes } from "./server/fake-nodes.ts";
import { joinAnswers } from "./server/join.ts";
import { KubeletClients } from "./server/kubelet-clients.ts";
import { takeOwnNodeName } from "./server/node-names.ts";
import { runOwnNode } from "./server/own-node.ts";
import { ensureTokens, givenToken, TokenVerifier } from "./tokens.ts";

// What requests under way get when the server ends; watches and connections end at once.
const closeGraceMs = 2_000;
// Far beyond any start that works; a store that cannot be read would otherwise be waited for without end.
// A machine may be a hundred times slower than ours; a start that hangs says so some day.
const readyMsMax = 300_000;

/** What one stage hands to the next. */
interface Started extends ServerRun {
  readonly store: Store;
  readonly certificates: Renewed<ServerCertificates>;
  readonly founding: Founding;
  readonly api: Api;
  readonly metrics: Metrics;
  readonly listener: HttpServer;
  readonly address: string;
  readonly nodeName: string;
  readonly kubelets: KubeletClients;
  readonly disk: DiskTrouble;
}

/** Runs until the signal is aborted. @throws StartError when it cannot start */
export async function runServer(run: ServerRun, signal: AbortSignal): Promise<void> {
  const life = new AbortController();
  const disk = new DiskTrouble(run.log.for("storage"), life);
  try {
    await runStages(run, { life, disk }, signal);
  } finally {
    disk.throwIfFatal();
  }
}

interface Life {
  /** Aborted when the server ends. */
  readonly life: AbortController;
  readonly disk: DiskTrouble;
}

async function runStages(run: ServerRun, { life, disk }: Life, signal: AbortSignal): Promise<void> {
  const { config, stages } = run;
  using _held = holdDataFolder(config.dataDir);
  const nodeName = (config.nodeName ?? hostname()).toLowerCase();
  const address = config.advertiseAddress ?? config.nodeIp ?? machineAddress();
  const founding = foundingOf(config.dataDir);
  const names = apiNames(config, nodeName, address);
  const made = { folder: join(config.dataDir, "server/tls"), clock, names, first: founding.first };
  const certificates = new Renewable(certificatesOf(made, run.log), run.log);
  const password = ensureTokens({
    folder: join(config.dataDir, "server"),
    caPem: certificates.now.serverCa.certificate,
    random,
    given: givenToken(config),
  });
  stages.reached("certificates and tokens");
  await using store = await openStore(run, disk);
  stages.reached("data store");
  const { serviceCidr } = config;
  const destinations = new Destinations({ nodeName, serviceCidr, apiPort: () => listener.port });
  const kubelets = new KubeletClients(certificates, destinations);
  const metrics = new Metrics();
  const checks = [{ name: "database", live: false, check: () => disk.check() }];
  const parts = { config, store, clock, random, destinations, metrics, checks };
  const api = createApi(
    {
      ...parts,
      log: run.log.for("apiserver"),
      serviceKey: certificates.now.serviceKey,
      kubeletOf: (node) => kubelets.of(node),
    },
    life.signal,
  );
  const answersJoin = joinAnswers({
    config,
    authorities: certificates.now,
    apiNames: names,
    verifier: new TokenVerifier(password),
    bootstrapTokens: bootstrapTokenAuthenticator({ client: api.system, clock }),
    client: api.system,
    clock,
    log: run.log.for("join"),
  });
  const listener = await openPort(run, certificates.now, async (exchange) => {
    if (!(await answersJoin(exchange))) await api.server.serve(exchange);
  });
  certificates.onChange((now) => listener.replaceTls(tlsOf(now)), life.signal);
  const renew = renewal("certificates", () => renewCertificates(certificates, made, run.log), { clock, log: run.log });
  try {
    const own = { certificates, founding, api, metrics, listener, address, nodeName, kubelets };
    const started = { ...run, store, disk, ...own };
    const until = AbortSignal.any([signal, life.signal]);
    // Told at once, so that clients go elsewhere while the node and the controllers end; in this process nobody needs it.
    until.addEventListener("abort", () => void listener.close(closeGraceMs), { once: true });
    await Promise.all([supervise(renew, { clock, log: run.log }, until), serve(started, until)]);
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
  started.disk.ready();
  const apiSeconds = stages.reached(`API ready on port ${started.listener.port}`);
  running.push(
    supervise(eventExpiry(api.server.server, api.system), parts, signal),
    runControlPlane(
      {
        api,
        config,
        clock,
        log,
        random,
        metrics: started.metrics,
        rootCa: certificates.now.serverCa.certificate,
        localStoragePath: join(config.dataDir, "storage"),
      },
      signal,
    ),
  );
  running.push(runFakeNodes({ api, config, log }, signal));
  if (config.disableAgent) started.say(`ready: api ${apiSeconds} s`);
  else running.push(runOwnNode({ ...started, authorities: certificates.now }, apiSeconds, signal));
  await Promise.all(running);
}

/** @throws StartError when the API does not become ready in time, e.g. because what is stored cannot be read */
async function becomeReady(started: Started, signal: AbortSignal): Promise<void> {
  const { api, config, certificates, founding } = started;
  using limit = deadline(clock, readyMsMax, signal);
  try {
    await writeBootstrapObjects(
      {
        client: api.system,
        serviceCidr: config.serviceCidr,
        serviceAddress: serviceAddress(config, 1),
        advertiseAddress: started.address,
        advertisePort: started.listener.port,
        clientCa: certificates.now.clientCa.certificate,
        requestHeaderCa: certificates.now.requestHeaderCa.certificate,
      },
      limit.signal,
    );
    await api.whenReady(limit.signal);
  } catch (error) {
    if (signal.aborted || !limit.signal.aborted) throw error;
    throw new StartError(
      `expected the API to be ready within ${readyMsMax / 1000} s, found that it is not. A machine that is busy may need longer, and starts again; if the log says that what is stored is damaged, restore ${config.dataDir}/server from a backup`,
    );
  }
  await takeOwnName(started);
  founding.stands();
  try {
    writeAdminKubeconfig(started);
  } catch (error) {
    throw new StartError(`${messageOf(error)}, or choose another place for the kubeconfig with --write-kubeconfig`);
  }
  certificates.onChange(() => writeAdminKubeconfig(started), signal);
}

function writeAdminKubeconfig({ config, certificates, listener }: Started): void {
  const parts = {
    server: localServer(config.bindAddress, listener.port),
    serverCa: certificates.now.serverCa.certificate,
    client: certificates.now.clients.admin,
  };
  writeKubeconfig(config.writeKubeconfig, parts, config.writeKubeconfigMode);
  writeSecret(kubeconfigRecord(config.dataDir), `${resolve(config.writeKubeconfig)}\n`);
}

/** Nobody else joins as the server's node, also when a later start gives it another name. */
async function takeOwnName({ api, config, nodeName, log }: Started): Promise<void> {
  const node = { name: nodeName, password: nodePassword(join(config.dataDir, "server/node-password")) };
  if (await takeOwnNodeName(api.system, node))
    log.warn("another machine had joined under the name of the server's node; it cannot join again", { nodeName });
}

/** Every name under which the API is reached. */
function apiNames(config: Config, nodeName: string, address: string): readonly string[] {
  return apiServerNames({
    clusterDomain: config.clusterDomain,
    serviceAddress: serviceAddress(config, 1),
    nodeName,
    more: [address, machineAddress(), ...config.tlsSan],
  });
}

function certificatesOf(options: ServerCertificateOptions, log: Log): ServerCertificates {
  try {
    const certificates = ensureServerCertificates(options);
    tellOfClock(certificates, log);
    return certificates;
  } catch (error) {
    throw new StartError(messageOf(error));
  }
}

function renewCertificates(
  certificates: Renewable<ServerCertificates>,
  options: ServerCertificateOptions,
  log: Log,
): void {
  const fresh = ensureServerCertificates({ ...options, known: certificates.now });
  tellOfClock(fresh, log);
  if (fresh.renewed.length === 0) return;
  log.info("certificates renewed", { names: fresh.renewed.join(" ") });
  certificates.replace(fresh);
}

/** A machine without a clock of its own starts in the past and is set later: no reason not to start. */
function tellOfClock(certificates: ServerCertificates, log: Log): void {
  const behind = clockBehind(certificates, clock.nowMs());
  if (behind !== undefined) log.error("the clock of this machine is behind", { why: behind });
}

function tlsOf({ serving, clientCa }: ServerCertificates): TlsMaterial {
  return { ...serving, clientCa: clientCa.certificate };
}

async function openStore({ config, log }: ServerRun, disk: DiskTrouble): Promise<Store> {
  const { prefix, prefixEnd } = new StoredKind(untyped(leases));
  try {
    return await openSqliteStore({
      dataDir: config.dataDir,
      clock,
      log: log.for("storage"),
      lazyRanges: [{ from: prefix, to: prefixEnd }],
      damaged: (why) => disk.damaged(why),
      broken: (why) => disk.broken(why),
    });
  } catch (error) {
    throw new StartError(messageOf(error));
  }
}

async function openPort(
  { config, log }: ServerRun,
  certificates: ServerCertificates,
  answer: ExchangeHandler,
): Promise<HttpServer> {
  try {
    return await listen(
      {
        host: config.bindAddress,
        port: config.httpsListenPort,
        tls: tlsOf(certificates),
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
