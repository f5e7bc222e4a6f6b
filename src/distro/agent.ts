/** `kedge agent`: a node of a cluster whose server is elsewhere. It joins once, then runs from what it was given. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { base64, textOf, utf8 } from "#base/bytes.ts";
import { machineClock as clock } from "#base/clock.ts";
import { supervise } from "#base/component.ts";
import { machineRandom as random } from "#base/random.ts";
import { kubernetesVersion } from "#apiserver/version.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { HttpsClient } from "#client/https-client.ts";
import { createInformers } from "#client/watch-informer.ts";
import { Links } from "#host/links.ts";
import { HttpClient } from "#wire/http-client.ts";
import { createRequest, newKey, readCertificate } from "#wire/x509.ts";
import { readSecret, writeSecret } from "./certificates/files.ts";
import { labelsOf, taintsOf, type Config } from "./config.ts";
import { holdDataFolder, StartError } from "./data-folder.ts";
import { runNode } from "./node.ts";
import { ensureBundle } from "./runtime.ts";
import type { JoinAnswer, JoinRequest, NodeSettings } from "./server/join.ts";
import type { ServerRun } from "./server.ts";
import { caHashOf, givenToken, parseToken } from "./tokens.ts";

const joinAnswerBytesMax = 256 * 1024;
const retryMs = 2_000;

/** What a node keeps of its joining. */
interface Membership {
  readonly serverCa: string;
  readonly clientCa: string;
  readonly client: { readonly certificate: string; readonly key: string };
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly settings: NodeSettings;
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
  const membership = await joined({ config, url, nodeName, nodeIp }, signal);
  stages.reached(`member of the cluster at ${url}`);
  const user = `system:node:${nodeName}`;
  const http = new HttpClient({ url, protocol: "h2", ca: membership.serverCa, credentials: () => membership.client });
  const client = new HttpsClient(http, user);
  const recorder = new EventRecorder({ client, clock, log, source: { component: "kubelet", host: nodeName } });
  say(`ready: agent of ${url}`);
  try {
    await Promise.all([
      supervise(recorder, { clock, log }, signal),
      runNode(
        {
          ...membership.settings,
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
          api: { address: new URL(url).hostname, port: Number(new URL(url).port || 443) },
          labels: labelsOf(config),
          taints: taintsOf(config),
          version: kubernetesVersion,
          tls: { ...membership.serving, clientCa: membership.clientCa },
          disabled: new Set(),
        },
        signal,
      ),
    ]);
  } finally {
    http.close();
  }
}

interface Joining {
  readonly config: Config;
  readonly url: string;
  readonly nodeName: string;
  readonly nodeIp: string;
}

async function joined(joining: Joining, signal: AbortSignal): Promise<Membership> {
  const path = join(joining.config.dataDir, "agent/membership.json");
  const kept = readSecret(path);
  if (kept !== undefined) {
    // Only written below.
    const membership = JSON.parse(kept) as Membership;
    if (isFresh(membership.client.certificate)) return membership;
  }
  for (;;) {
    try {
      const membership = await joinNow(joining, signal);
      writeSecret(path, JSON.stringify(membership), { durable: true });
      return membership;
    } catch (error) {
      if (error instanceof StartError || signal.aborted) throw error;
      process.stderr.write(`kedge: ${messageOf(error)}; trying again\n`);
      await clock.sleep(retryMs, signal);
    }
  }
}

/** More than a third of its life is left. */
function isFresh(certificate: string): boolean {
  const { notBeforeMs, notAfterMs } = readCertificate(certificate);
  return notAfterMs - clock.nowMs() > (notAfterMs - notBeforeMs) / 3;
}

async function joinNow({ config, url, nodeName, nodeIp }: Joining, signal: AbortSignal): Promise<Membership> {
  const token = tokenOf(config);
  const serverCa = await fetchCa(url, token, signal);
  const [clientKey, servingKey] = [newKey(), newKey()];
  const subject = { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
  const request: JoinRequest = {
    nodeName,
    nodePassword: nodePassword(config.dataDir),
    clientRequest: createRequest(clientKey, subject),
    servingRequest: createRequest(servingKey, { ...subject, names: [nodeName, "localhost", "127.0.0.1", nodeIp] }),
  };
  const http = new HttpClient({ url, protocol: "h1", ca: serverCa, credentials: () => ({ token }) });
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
    if (reply.status !== 200) throw new StartError(`the server at ${url} did not let this node in: ${text.trim()}`);
    // The server's certificate was verified: the answer is of the form its version has.
    const answer = JSON.parse(text) as JoinAnswer;
    return {
      serverCa,
      clientCa: answer.clientCa,
      client: { certificate: answer.clientCertificate, key: clientKey },
      serving: { certificate: answer.servingCertificate, key: servingKey },
      settings: answer.settings,
    };
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

/** Says that a later join under the same name is by the same machine. */
function nodePassword(dataDir: string): string {
  const path = join(dataDir, "agent/node-password");
  const known = readSecret(path);
  if (known !== undefined) return known;
  const made = createHash("sha256")
    .update(base64(random.bytes(32)))
    .digest("hex");
  writeSecret(path, made, { durable: true });
  return made;
}
