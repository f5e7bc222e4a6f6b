/** `kedge agent`: a node of a cluster whose server is elsewhere. It joins once, then runs from what it was given. */
import { connect } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import { machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { machineRandom as random } from "#base/random.ts";
import { kubernetesVersion } from "#apiserver/version.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { HttpsClient } from "#client/https-client.ts";
import { createInformers } from "#client/watch-informer.ts";
import { Links } from "#host/links.ts";
import { HttpClient } from "#wire/http-client.ts";
import type { TlsMaterial } from "#wire/http-server.ts";
import { canonicalName, createRequest, newKey, readCertificate } from "#wire/x509.ts";
import { readSecret, writeSecret } from "./certificates/files.ts";
import { Renewable, renewal } from "./certificates/renewal.ts";
import { labelsOf, taintsOf, type Config } from "./config.ts";
import { holdDataFolder, StartError } from "./data-folder.ts";
import { runNode } from "./node.ts";
import { nodePassword } from "./node-password.ts";
import { ensureBundle } from "./runtime.ts";
import type { JoinAnswer, JoinRequest, NodeSettings } from "./server/join.ts";
import type { ServerRun } from "./server-run.ts";
import { caHashOf, givenToken, parseToken } from "./tokens.ts";

const joinAnswerBytesMax = 256 * 1024;
const retryMs = 2_000;
const httpsPort = 443;

/** Raised when what a node is given changes: a membership of before joins again. */
const membershipRevision = 2;

/** What a node keeps of its joining. */
interface Membership {
  readonly revision?: number;
  readonly serverCa: string;
  readonly clientCa: string;
  readonly client: { readonly certificate: string; readonly key: string };
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly settings: Omit<NodeSettings, "disable"> & Partial<Pick<NodeSettings, "disable">>;
}

/** Runs until the signal is aborted. @throws StartError when it cannot start */
export async function runAgent({ config, log, stages, say }: ServerRun, signal: AbortSignal): Promise<void> {
  const url = config.server;
  if (url === undefined) throw new StartError("expected the URL of a server, found none; give it with --server", 2);
  using _held = holdDataFolder(config.dataDir);
  const nodeName = (config.nodeName ?? hostname()).toLowerCase();
  const bundle = await ensureBundle(signal);
  stages.reached("container runtime found");
  const nodeIp = config.nodeIp ?? (await new Links(bundle.ip).defaultAddress()) ?? "127.0.0.1";
  const joining = { config, url, nodeName, nodeIp };
  const membership = new Renewable(await joined(joining, signal), log);
  const tls = new Renewable(tlsOf(membership.now), log);
  membership.onChange((now) => tls.replace(tlsOf(now)), signal);
  stages.reached(`member of the cluster at ${url}`);
  const user = `system:node:${nodeName}`;
  const http = new HttpClient({
    url,
    protocol: "h2",
    ca: membership.now.serverCa,
    credentials: () => membership.now.client,
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
          informers: createInformers(client, { clock, log: log.for("informers") }, signal),
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

function tlsOf({ serving, clientCa }: Membership): TlsMaterial {
  return { ...serving, clientCa };
}

interface Joining {
  readonly config: Config;
  readonly url: string;
  readonly nodeName: string;
  readonly nodeIp: string;
}

const membershipPath = ({ config }: Joining): string => join(config.dataDir, "agent/membership.json");

async function joined(joining: Joining, signal: AbortSignal): Promise<Membership> {
  const kept = readSecret(membershipPath(joining));
  if (kept !== undefined) {
    // Only written below.
    const membership = JSON.parse(kept) as Membership;
    if (isGood(membership, joining)) return membership;
  }
  for (;;) {
    try {
      return await joinNow(joining, signal);
    } catch (error) {
      if (error instanceof StartError || signal.aborted) throw error;
      process.stderr.write(`kedge: ${messageOf(error)}; trying again\n`);
      await clock.sleep(retryMs, signal);
    }
  }
}

/** Joins again while the old certificates are still good, so that a server that is away for a day does no harm. */
async function rejoin(membership: Renewable<Membership>, joining: Joining, signal: AbortSignal): Promise<void> {
  if (!isGood(membership.now, joining)) membership.replace(await joinNow(joining, signal));
}

/** Both certificates have more than a third of their lives left, and are for this node as it is. */
function isGood({ revision, client, serving }: Membership, { nodeName, nodeIp }: Joining): boolean {
  if (revision !== membershipRevision) return false;
  const certificates = [client, serving].map(({ certificate }) => readCertificate(certificate));
  return (
    certificates.every(
      ({ commonName, notBeforeMs, notAfterMs }) =>
        commonName === `system:node:${nodeName}` && notAfterMs - clock.nowMs() > (notAfterMs - notBeforeMs) / 3,
    ) && readCertificate(serving.certificate).names.includes(canonicalName(nodeIp))
  );
}

async function joinNow(joining: Joining, signal: AbortSignal): Promise<Membership> {
  const { config, url, nodeName, nodeIp } = joining;
  const token = tokenOf(config);
  const serverCa = await fetchCa(url, token, signal);
  const [clientKey, servingKey] = [newKey(), newKey()];
  const subject = { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
  const request: JoinRequest = {
    nodeName,
    nodePassword: nodePassword(join(config.dataDir, "agent/node-password")),
    clientRequest: createRequest(clientKey, subject),
    servingRequest: createRequest(servingKey, { ...subject, names: [nodeName, nodeIp] }),
  };
  const answer = await askToJoin({ ...joining, token, serverCa }, request, signal);
  const membership: Membership = {
    revision: membershipRevision,
    serverCa,
    clientCa: answer.clientCa,
    client: { certificate: answer.clientCertificate, key: clientKey },
    serving: { certificate: answer.servingCertificate, key: servingKey },
    settings: answer.settings,
  };
  writeSecret(membershipPath(joining), JSON.stringify(membership), { durable: true });
  return membership;
}

interface Asking extends Joining {
  readonly token: string;
  readonly serverCa: string;
}

async function askToJoin(asking: Asking, request: JoinRequest, signal: AbortSignal): Promise<JoinAnswer> {
  const { url, token, serverCa, nodeIp } = asking;
  const { hostname: host, port } = new URL(url);
  const http = new HttpClient({
    url,
    protocol: "h1",
    ca: serverCa,
    credentials: () => ({ token }),
    // The server gives a serving certificate for the address it sees: that must be the node's.
    tunnel: async () =>
      connect({ host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) || httpsPort, localAddress: nodeIp }),
  });
  try {
    const body = utf8(JSON.stringify(request));
    const reply = await http.request({
      method: "POST",
      target: "/v1-kedge/join",
      body,
      signal,
      headers: { "content-type": "application/json" },
    });
    const text = textOf(await reply.bytes(joinAnswerBytesMax));
    if (reply.status >= 500) throw new Error(`the server at ${url} could not let this node in: ${text.trim()}`);
    if (reply.status !== 200) throw new StartError(`the server at ${url} did not let this node in: ${text.trim()}`);
    // The server's certificate was verified: the answer is of the form its version has.
    return JSON.parse(text) as JoinAnswer;
  } finally {
    http.close();
  }
}

function tokenOf(config: Config): string {
  const token = givenToken(config);
  if (token === undefined)
    throw new StartError("expected the token of the cluster, found none; give it with --token or --token-file", 2);
  return token;
}

/** The server's CA, held against the hash in the token; with a short token the first answer is believed. */
async function fetchCa(url: string, token: string, signal: AbortSignal): Promise<string> {
  const http = new HttpClient({ url, protocol: "h1", insecure: true });
  try {
    const reply = await http.request({ method: "GET", target: "/cacerts", signal });
    const ca = textOf(await reply.bytes(joinAnswerBytesMax));
    const { caHash } = parseToken(token);
    if (caHash !== undefined && caHash !== caHashOf(ca))
      throw new StartError(
        `expected a server whose CA has the hash in the token, found another at ${url}; check --server, or take the token of that cluster`,
      );
    return ca;
  } finally {
    http.close();
  }
}
