/** The node inside a server: its certificates, its role, and the word that it takes pods. */
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { machineClock as clock } from "#base/clock.ts";
import { supervise, type Component } from "#base/component.ts";
import { machineRandom as random } from "#base/random.ts";
import { kubernetesVersion } from "#apiserver/version.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { Links } from "#host/links.ts";
import { nodes } from "#resources/core/node.ts";
import type { TlsMaterial } from "#wire/http-server.ts";
import { ensureNodeCertificates, type CertificateAuthorities, type NodeCertificates } from "../certificates.ts";
import { Renewable, renewal, type Renewed } from "../certificates/renewal.ts";
import { clusterDns, labelsOf, taintsOf } from "../config.ts";
import { runNode } from "../node.ts";
import { ensureBundle } from "../runtime.ts";
import type { ServerRun } from "../server-run.ts";
import type { Api } from "./api.ts";
import type { KubeletClients } from "./kubelet-clients.ts";
import { localFolders } from "./local-folders.ts";

export interface OwnNodeOptions extends ServerRun {
  readonly api: Api;
  readonly authorities: CertificateAuthorities;
  readonly address: string;
  readonly nodeName: string;
  readonly kubelets: KubeletClients;
}

/** Runs until the signal is aborted. @param apiSeconds When the API was ready, for the line that says all is */
export async function runOwnNode(options: OwnNodeOptions, apiSeconds: string, signal: AbortSignal): Promise<void> {
  await Promise.all([
    startNode(options, signal),
    markControlPlane(options, signal),
    announce(options, apiSeconds, signal),
  ]);
}

async function startNode(options: OwnNodeOptions, signal: AbortSignal): Promise<void> {
  const { config, api, log, nodeName, address, stages } = options;
  const bundle = await ensureBundle(signal);
  stages.reached("container runtime found");
  const nodeIp = config.nodeIp ?? (await new Links(bundle.ip).defaultAddress()) ?? address;
  const { tls, renew } = nodeTls(options, nodeIp);
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
  const beside = [recorder, folders, renew].map((component) => supervise(component, { clock, log }, signal));
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
      api: { address: config.advertiseAddress ?? nodeIp, port: config.httpsListenPort, onThisMachine: true },
      labels: labelsOf(config),
      taints: taintsOf(config),
      clusterCidr: config.clusterCidr,
      serviceCidr: config.serviceCidr,
      clusterDns: clusterDns(config),
      clusterDomain: config.clusterDomain,
      version: kubernetesVersion,
      kubeletListens: (port) => options.kubelets.knowOwn({ nodeName, address: nodeIp, port }),
      tls,
      disabled: new Set(config.disable),
    },
    signal,
  );
  await Promise.all(beside);
}

interface NodeTls {
  readonly tls: Renewed<TlsMaterial>;
  readonly renew: Component;
}

/** What the node's kubelet serves with, renewed while it does. */
function nodeTls({ config, authorities, log, nodeName }: OwnNodeOptions, nodeIp: string): NodeTls {
  const certificates = (): NodeCertificates =>
    ensureNodeCertificates(authorities, {
      folder: join(config.dataDir, "agent"),
      clock,
      nodeName,
      addresses: [nodeIp],
    });
  const tlsOf = ({ serving }: NodeCertificates): TlsMaterial => ({
    ...serving,
    clientCa: authorities.clientCa.certificate,
  });
  const tls = new Renewable(tlsOf(certificates()), log);
  const renew = renewal(
    "node-certificates",
    () => {
      const fresh = certificates();
      if (fresh.renewed.length === 0) return;
      log.info("certificates of the node renewed", { names: fresh.renewed.join(" ") });
      tls.replace(tlsOf(fresh));
    },
    { clock, log },
  );
  return { tls, renew };
}

const controlPlaneLabel = "node-role.kubernetes.io/control-plane";

/** A node may not give itself a role: the server does, when its node has registered. */
async function markControlPlane({ api, nodeName, log }: OwnNodeOptions, signal: AbortSignal): Promise<void> {
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
async function announce(options: OwnNodeOptions, apiSeconds: string, signal: AbortSignal): Promise<void> {
  const { api, nodeName, stages, say } = options;
  // What the store had at first is of an earlier run, unless its time, in whole seconds, is of this one: wall time may
  // have been set back since.
  const sinceMs = Math.floor(clock.nowMs() / 1000) * 1000;
  let first: string | undefined;
  const informer = api.informers.informer(nodes);
  await new Promise<void>((resolve) => {
    const done = new AbortController();
    informer.onChange(
      ({ object }) => {
        if (object.metadata.name !== nodeName) return;
        const ready = object.status.conditions?.find(({ type }) => type === "Ready");
        const { lastHeartbeatTime: told = "" } = ready ?? {};
        first ??= told;
        if (ready?.status !== "True" || (told === first && !(Date.parse(told) >= sinceMs))) return;
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
