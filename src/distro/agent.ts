/** `kedge agent`: a node of a cluster whose server is elsewhere. It joins once, then runs from what it was given. */
import { hostname } from "node:os";
import { machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { machineRandom as random } from "#base/random.ts";
import { kubernetesVersion } from "#apiserver/version.ts";
import type { Client } from "#client/client.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { HttpsClient } from "#client/https-client.ts";
import { serviceView as servicesOfPods } from "#kubelet/service-view.ts";
import { serviceView } from "#network/service-view.ts";
import type { InformerFactory } from "#client/informer.ts";
import { createInformers } from "#client/watch-informer.ts";
import { Links } from "#host/links.ts";
import { HttpClient } from "#wire/http-client.ts";
import type { TlsMaterial } from "#wire/http-server.ts";
import { joined, rejoin, type Membership } from "./agent/membership.ts";
import { refusalsByTime } from "./agent/refusals-by-time.ts";
import { Renewable, renewal } from "./certificates/renewal.ts";
import { labelsOf, taintsOf } from "./config.ts";
import { holdDataFolder, StartError } from "./data-folder.ts";
import { runNode } from "./node.ts";
import { ensureBundle } from "./runtime.ts";
import type { ServerRun } from "./server-run.ts";

/** Runs until the signal is aborted. @throws StartError when it cannot start */
export async function runAgent({ config, log, stages, say }: ServerRun, signal: AbortSignal): Promise<void> {
  const url = config.server;
  if (url === undefined) throw new StartError("expected the URL of a server, found none; give it with --server", 2);
  using _held = holdDataFolder(config.dataDir);
  const nodeName = (config.nodeName ?? hostname()).toLowerCase();
  const bundle = await ensureBundle(signal);
  stages.reached("container runtime found");
  const nodeIp = config.nodeIp ?? (await new Links(bundle.ip).defaultAddress()) ?? "127.0.0.1";
  const joining = { config, url, nodeName, nodeIp, clock };
  const membership = new Renewable(await joined(joining, log, signal), log);
  const tls = new Renewable(tlsOf(membership.now), log);
  membership.onChange((now) => tls.replace(tlsOf(now)), signal);
  stages.reached(`member of the cluster at ${url}`);
  const user = `system:node:${nodeName}`;
  const http = new HttpClient({
    url,
    protocol: "h2",
    ca: membership.now.serverCa,
    credentials: () => membership.now.client,
    onHead: refusalsByTime({
      certificates: () => [membership.now.client.certificate, membership.now.clientCa],
      clock,
      log,
    }),
  });
  const client = new HttpsClient(http, user);
  const recorder = new EventRecorder({ client, clock, log, source: { component: "kubelet", host: nodeName } });
  say(`ready: agent of ${url}`);
  const renew = renewal("certificates", (until) => rejoin(membership, joining, until), { clock, log });
  try {
    await Promise.all([
      supervise(recorder, { clock, log }, signal),
      supervise(renew, { clock, log }, signal),
      runNode(
        {
          ...membership.now.settings,
          client,
          informers: informersOf(client, log, signal),
          recorder,
          clock,
          random,
          log,
          bundle,
          dataDir: config.dataDir,
          nodeName,
          nodeIp,
          api: { address: new URL(url).hostname, port: Number(new URL(url).port || 443), onThisMachine: false },
          labels: labelsOf(config),
          taints: taintsOf(config),
          version: kubernetesVersion,
          tls,
          // A membership of an older version does not say.
          disabled: new Set(membership.now.settings.disable ?? []),
        },
        signal,
      ),
    ]);
  } finally {
    http.close();
  }
}

/** Kubelet, proxy and DNS ask in an order of their own: one informer is to hold what any of them reads. */
function informersOf(client: Client, log: Log, signal: AbortSignal): InformerFactory {
  const informers = createInformers(client, { clock, log: log.for("informers") }, signal);
  for (const view of [servicesOfPods, serviceView]) informers.expect(view);
  return informers;
}

function tlsOf({ serving, clientCa }: Membership): TlsMaterial {
  return { ...serving, clientCa };
}
