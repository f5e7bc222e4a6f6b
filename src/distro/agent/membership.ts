/**
 * A node's membership of a cluster: what it was given when it joined, kept in its data directory, and asked for anew at
 * each start and before its certificates end.
 */
import { connect } from "node:net";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import { deadline, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { HttpClient } from "#wire/http-client.ts";
import { canonicalName, createRequest, newKey, readCertificate } from "#wire/x509.ts";
import { readSecret, writeSecret } from "../certificates/files.ts";
import type { Renewable } from "../certificates/renewal.ts";
import type { Config } from "../config.ts";
import { StartError } from "../data-folder.ts";
import { nodePassword } from "../node-password.ts";
import type { JoinAnswer, JoinRequest, NodeSettings } from "../server/join.ts";
import { caHashOf, givenToken, parseToken } from "../tokens.ts";

const joinAnswerBytesMax = 256 * 1024;
const retryMs = 2_000;
// A start waits so long for a server whose answer it can do without.
const refreshMs = 5_000;
/** A server that takes a request and never answers, as one whose machine is gone, is asked anew after this time. */
const joinMsMax = 60_000;
const httpsPort = 443;

/** Raised when what a node is given changes: a membership of before joins again. */
const membershipRevision = 2;

/** What a node keeps of its joining. */
export interface Membership {
  readonly revision?: number;
  readonly serverCa: string;
  readonly clientCa: string;
  readonly client: { readonly certificate: string; readonly key: string };
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly settings: Omit<NodeSettings, "disable"> & Partial<Pick<NodeSettings, "disable">>;
}

export interface Joining {
  readonly config: Config;
  readonly url: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly clock: Clock;
}

const membershipPath = ({ config }: Joining): string => join(config.dataDir, "agent/membership.json");

/**
 * The membership to start with. One of before is asked for anew, since the server's settings may be others by now; when
 * that does not succeed, because the server is away or the token has ended, it is good enough.
 */
export async function joined(joining: Joining, log: Log, signal: AbortSignal): Promise<Membership> {
  const kept = keptMembership(joining);
  if (kept) return await refreshed(kept, joining, { log, signal });
  for (;;) {
    try {
      return await joinNow(joining, signal);
    } catch (error) {
      if (error instanceof StartError || signal.aborted) throw error;
      process.stderr.write(`kedge: ${messageOf(error)}; trying again\n`);
      await joining.clock.sleep(retryMs, signal);
    }
  }
}

/** Undefined when there is none, or none that is good. One that is damaged is asked for anew, as one that is missing. */
function keptMembership(joining: Joining): Membership | undefined {
  const text = readSecret(membershipPath(joining));
  if (text === undefined) return undefined;
  try {
    // Only written below.
    const membership = JSON.parse(text) as Membership;
    return isGood(membership, joining) ? membership : undefined;
  } catch {
    // Nothing of it is told: it holds keys.
    return undefined;
  }
}

interface Refreshing {
  readonly log: Log;
  readonly signal: AbortSignal;
}

async function refreshed(kept: Membership, joining: Joining, { log, signal }: Refreshing): Promise<Membership> {
  using limit = deadline(joining.clock, refreshMs, signal);
  try {
    return await joinNow(joining, limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    log.warn("the server was not asked what it has changed; the node starts as it last joined", {
      error: messageOf(error),
    });
    return kept;
  }
}

/** Joins again while the old certificates are still good, so that a server that is away for a day does no harm. */
export async function rejoin(membership: Renewable<Membership>, joining: Joining, signal: AbortSignal): Promise<void> {
  if (!isGood(membership.now, joining)) membership.replace(await joinNow(joining, signal));
}

/** Both certificates have more than a third of their lives left, and are for this node as it is. */
function isGood({ revision, client, serving }: Membership, { nodeName, nodeIp, clock }: Joining): boolean {
  if (revision !== membershipRevision) return false;
  const certificates = [client, serving].map(({ certificate }) => readCertificate(certificate));
  return (
    certificates.every(
      ({ commonName, notBeforeMs, notAfterMs }) =>
        commonName === `system:node:${nodeName}` && notAfterMs - clock.nowMs() > (notAfterMs - notBeforeMs) / 3,
    ) && readCertificate(serving.certificate).names.includes(canonicalName(nodeIp))
  );
}

async function joinNow(joining: Joining, until: AbortSignal): Promise<Membership> {
  const { config, url, nodeName, nodeIp } = joining;
  using limit = deadline(joining.clock, joinMsMax, until);
  const { signal } = limit;
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
