/**
 * How nodes join: the CA for everyone, and for who knows the token certificates and the cluster's settings. A token makes
 * one a node and nothing more: of what is asked for, only the keys come into the certificates.
 *
 *     GET  /cacerts          the server CA, which the joining node holds against the hash in its token
 *     POST /v1-kedge/join    Authorization: Bearer <token>; a JoinRequest, answered by a JoinAnswer
 */
import { messageOf } from "#base/assert.ts";
import { textOf, utf8 } from "#base/bytes.ts";
import { deadline, type Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Authenticator } from "#apiserver/access.ts";
import type { Client } from "#client/client.ts";
import { StatusError } from "#machinery/status.ts";
import { nodes } from "#resources/core/node.ts";
import { BodyTooLargeError, type Exchange } from "#wire/http.ts";
import { canonicalName, type CertificateUsage, readRequest, signRequest, type SigningRequest } from "#wire/x509.ts";
import type { CertificateAuthorities } from "../certificates.ts";
import { clusterDns, type Config } from "../config.ts";
import { parseToken, type Token, type TokenVerifier } from "../tokens.ts";
import { takeNodeName } from "./node-names.ts";

/** What a node says. Certificate requests in PEM, for `system:node:<name>` of `system:nodes`. */
export interface JoinRequest {
  readonly nodeName: string;
  /** Made by the node and kept by it: who has it may join again under this name. */
  readonly nodePassword: string;
  readonly clientRequest: string;
  readonly servingRequest: string;
}

export interface JoinAnswer {
  readonly clientCertificate: string;
  readonly servingCertificate: string;
  readonly clientCa: string;
  readonly settings: NodeSettings;
}

/** What is the same on every node of a cluster. */
export interface NodeSettings {
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** Built-in components that are not to run. */
  readonly disable: readonly string[];
}

export interface JoinOptions {
  readonly config: Config;
  readonly authorities: CertificateAuthorities;
  /** DNS names and addresses of the API, the server's own node included: nobody joins as one or from one. */
  readonly apiNames: readonly string[];
  readonly verifier: TokenVerifier;
  readonly bootstrapTokens: Authenticator;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
}

const certificateLifeMs = 365 * 24 * 3_600_000;
const skewMs = 3_600_000;
const bodyBytesMax = 64 * 1024;
const bodyMs = 10_000;
const joinsAtOnceMax = 16;
const nodePasswordCharactersMax = 256;
const nodeNameCharactersMax = 63;
const labelForm = /^(?!-)[-a-z0-9]{1,63}(?<!-)$/;

const clientUsages: readonly CertificateUsage[] = ["digital signature", "key encipherment", "client auth"];
const servingUsages: readonly CertificateUsage[] = ["digital signature", "key encipherment", "server auth"];

/** A reason not to let a node in: an HTTP status and one sentence. */
class JoinRefusal extends Error {
  readonly status: number;
  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Answers the two paths; false when the request is for something else. */
export function joinAnswers(options: JoinOptions): (exchange: Exchange) => Promise<boolean> {
  let underWay = 0;
  return async (exchange) => {
    if (exchange.path === "/cacerts" && exchange.method === "GET") {
      exchange.reply(200, { "content-type": "text/plain" }, utf8(options.authorities.serverCa.certificate));
      return true;
    }
    if (exchange.path !== "/v1-kedge/join" || exchange.method !== "POST") return false;
    underWay += 1;
    try {
      if (underWay > joinsAtOnceMax)
        throw new JoinRefusal(503, `expected at most ${joinsAtOnceMax} nodes to join at once, found more; try again`);
      const answer = await join(options, exchange);
      exchange.reply(200, { "content-type": "application/json" }, utf8(JSON.stringify(answer)));
    } catch (error) {
      const refusal = refusalOf(error);
      options.log.warn("a node was not let in", { from: exchange.remoteAddress, why: refusal.message });
      exchange.reply(refusal.status, { "content-type": "text/plain" }, utf8(`${refusal.message}\n`));
    } finally {
      underWay -= 1;
    }
    return true;
  };
}

/** @throws What is neither a refusal nor an answer of the API. */
function refusalOf(error: unknown): JoinRefusal {
  if (error instanceof JoinRefusal) return error;
  if (error instanceof StatusError) return new JoinRefusal(error.code, messageOf(error));
  throw error;
}

async function join(options: JoinOptions, exchange: Exchange): Promise<JoinAnswer> {
  await checkToken(options, exchange);
  const asked = parseRequest(await bodyOf(exchange, options.clock));
  const [client, serving] = [requestOf(asked.clientRequest), requestOf(asked.servingRequest)];
  for (const request of [client, serving]) checkSubject(request, asked.nodeName);
  checkNodeName(asked.nodeName, options);
  const names = await servingNames(serving, { ...options, nodeName: asked.nodeName, peer: exchange.remoteAddress });
  const taken = await takeNodeName(options.client, { name: asked.nodeName, password: asked.nodePassword });
  if (taken.kind === "foreign")
    throw new JoinRefusal(
      403,
      `expected the node password with which "${asked.nodeName}" joined first, found another: choose another --node-name, or delete the Secret ${taken.secret} in kube-system if that node is gone`,
    );
  const { authorities, config, clock, log } = options;
  const nowMs = clock.nowMs();
  const grant = {
    subject: { commonName: `system:node:${asked.nodeName}`, organizations: ["system:nodes"] },
    notBeforeMs: nowMs - skewMs,
    notAfterMs: nowMs + certificateLifeMs,
  };
  log.info("a node joins", { node: asked.nodeName, from: exchange.remoteAddress });
  return {
    clientCertificate: signRequest(authorities.clientCa, client, { ...grant, names: [], usages: clientUsages }),
    servingCertificate: signRequest(authorities.kubeletCa, serving, { ...grant, names, usages: servingUsages }),
    clientCa: authorities.clientCa.certificate,
    settings: {
      clusterCidr: config.clusterCidr,
      serviceCidr: config.serviceCidr,
      clusterDns: clusterDns(config),
      clusterDomain: config.clusterDomain,
      disable: config.disable,
    },
  };
}

async function checkToken({ verifier, bootstrapTokens }: JoinOptions, exchange: Exchange): Promise<void> {
  const given = /^Bearer (\S+)$/.exec(exchange.header("authorization") ?? "")?.[1];
  const token = given === undefined ? undefined : readToken(given);
  if (token?.kind === "password" && verifier.verify(token.password)) return;
  if (token?.kind === "bootstrap") {
    const credentials = { certificate: undefined, bearerToken: `${token.id}.${token.secret}` };
    // It throws for a token that does not hold, or has expired.
    const user = await bootstrapTokens.authenticate(credentials, exchange.signal).catch(() => undefined);
    if (user) return;
  }
  throw new JoinRefusal(
    401,
    "expected the token in server/agent-token of the server's data directory, or a bootstrap token, found another; give it with --token",
  );
}

function readToken(text: string): Token | undefined {
  try {
    return parseToken(text);
  } catch {
    return undefined; // Not of the form of a token, so not the right one.
  }
}

async function bodyOf(exchange: Exchange, clock: Clock): Promise<Uint8Array> {
  using limit = deadline(clock, bodyMs, exchange.signal);
  try {
    return await exchange.body(bodyBytesMax, limit.signal);
  } catch (error) {
    if (error instanceof BodyTooLargeError) throw new JoinRefusal(413, messageOf(error));
    if (exchange.signal.aborted || !limit.signal.aborted) throw error;
    throw new JoinRefusal(408, `expected the whole request within ${bodyMs / 1000} s, found only a part of it`);
  }
}

function parseRequest(body: Uint8Array): JoinRequest {
  const fields = fieldsOf(textOf(body));
  const text = (name: keyof JoinRequest): string => {
    const value = fields.get(name);
    if (typeof value === "string" && value !== "") return value;
    throw new JoinRefusal(
      400,
      `expected text as "${name}" of a request to join, found ${value === "" ? "an empty one" : typeof value}; use an agent of this version`,
    );
  };
  const nodePassword = text("nodePassword");
  if (nodePassword.length > nodePasswordCharactersMax)
    throw new JoinRefusal(400, `expected a node password of at most ${nodePasswordCharactersMax} characters`);
  return {
    nodeName: text("nodeName"),
    nodePassword,
    clientRequest: text("clientRequest"),
    servingRequest: text("servingRequest"),
  };
}

function fieldsOf(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return new Map(Object.entries(value));
  } catch {
    // Said below, as for JSON that is no object.
  }
  throw new JoinRefusal(400, "expected a JSON object as a request to join, found something else");
}

function requestOf(pem: string): SigningRequest {
  try {
    return readRequest(pem);
  } catch (error) {
    throw new JoinRefusal(400, messageOf(error));
  }
}

/** The certificate's subject is written anew; who asks for another one is told so instead of being given less. */
function checkSubject({ subject }: SigningRequest, nodeName: string): void {
  const { commonNames, organizations, others } = subject;
  const good =
    commonNames.length === 1 &&
    commonNames[0] === `system:node:${nodeName}` &&
    organizations.length === 1 &&
    organizations[0] === "system:nodes" &&
    others.length === 0;
  if (good) return;
  const found = [...organizations.map((name) => `O=${name}`), ...commonNames.map((name) => `CN=${name}`), ...others];
  throw new JoinRefusal(
    403,
    `expected a certificate request for exactly CN=system:node:${nodeName} and O=system:nodes, found ${JSON.stringify(found.join(", "))}`,
  );
}

function checkNodeName(nodeName: string, { apiNames }: JoinOptions): void {
  if (nodeName.length > nodeNameCharactersMax || !nodeName.split(".").every((label) => labelForm.test(label)))
    throw new JoinRefusal(
      400,
      `expected a node name of at most ${nodeNameCharactersMax} lower-case letters, digits, "-" and ".", found ${JSON.stringify(nodeName.slice(0, 2 * nodeNameCharactersMax))}`,
    );
  if (apiNames.includes(nodeName))
    throw new JoinRefusal(403, `expected a node name of its own, found the server's "${nodeName}"; give --node-name`);
}

interface Serving extends JoinOptions {
  readonly nodeName: string;
  /** The address the request came from. */
  readonly peer: string;
}

/** A node serves under its name and the address it comes from; with any other it could stand in for somebody else. */
async function servingNames(asked: SigningRequest, options: Serving): Promise<readonly string[]> {
  const { nodeName, client, apiNames } = options;
  const peer = canonicalName(options.peer);
  const { dnsNames, ipAddresses, emailAddresses, uris } = asked;
  const foreign = [
    ...[...dnsNames, ...emailAddresses, ...uris].filter((name) => name !== nodeName),
    ...ipAddresses.filter((address) => address !== peer),
  ];
  // An agent asks from the very address for which it wants to serve.
  if (foreign.length === 1 && ipAddresses.length === 1 && ipAddresses[0] === foreign[0])
    throw new JoinRefusal(
      403,
      `expected the request to join to come from ${foreign.join(", ")}, the node's address, found it coming from ${peer}: something in between translates addresses (NAT), and nodes behind that cannot join; put the node where it reaches the server without it, or, if it has ${peer} itself, start the agent with --node-ip ${peer}`,
    );
  if (foreign.length > 0)
    throw new JoinRefusal(
      403,
      `expected a serving certificate for "${nodeName}" and for ${peer}, from where the request came, found one for ${JSON.stringify(foreign.join(", "))}; start the agent with --node-ip ${peer}`,
    );
  const { items } = await client.list(nodes, {});
  const holder = items.find(
    ({ metadata, status }) =>
      metadata.name !== nodeName && status.addresses?.some(({ address }) => canonicalName(address) === peer),
  );
  const name = holder
    ? `node "${holder.metadata.name}"`
    : apiNames.some((one) => canonicalName(one) === peer)
      ? "the server"
      : undefined;
  if (name !== undefined)
    throw new JoinRefusal(
      403,
      `expected a node with an address of its own, found ${peer}, which is that of ${name}; join from another address with --node-ip`,
    );
  return [nodeName, peer];
}
