/**
 * How nodes join: the CA for everyone, and for who knows the token certificates and the cluster's settings.
 *
 *     GET  /cacerts          the server CA, which the joining node holds against the hash in its token
 *     POST /v1-kedge/join    Authorization: Bearer <password>; a JoinRequest, answered by a JoinAnswer
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { textOf, utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import { isReason } from "#machinery/status.ts";
import { secrets } from "#resources/core/secret.ts";
import type { Exchange } from "#wire/http.ts";
import { readRequest, signRequest } from "#wire/x509.ts";
import type { ServerCertificates } from "../certificates.ts";
import { clusterDns, type Config } from "../config.ts";
import { parseToken, type TokenVerifier } from "../tokens.ts";

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
}

export interface JoinOptions {
  readonly config: Config;
  readonly certificates: ServerCertificates;
  readonly verifier: TokenVerifier;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
}

const certificateLifeMs = 365 * 24 * 3_600_000;
const skewMs = 3_600_000;
const bodyBytesMax = 64 * 1024;
const nodeNameForm = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

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
  return async (exchange) => {
    if (exchange.path === "/cacerts" && exchange.method === "GET") {
      exchange.reply(200, { "content-type": "text/plain" }, utf8(options.certificates.serverCa.certificate));
      return true;
    }
    if (exchange.path !== "/v1-kedge/join" || exchange.method !== "POST") return false;
    try {
      const answer = await join(options, exchange);
      exchange.reply(200, { "content-type": "application/json" }, utf8(JSON.stringify(answer)));
    } catch (error) {
      if (!(error instanceof JoinRefusal)) throw error;
      options.log.warn("a node was not let in", { from: exchange.remoteAddress, why: error.message });
      exchange.reply(error.status, { "content-type": "text/plain" }, utf8(`${error.message}\n`));
    }
    return true;
  };
}

async function join(options: JoinOptions, exchange: Exchange): Promise<JoinAnswer> {
  checkToken(options.verifier, exchange.header("authorization") ?? "");
  const request = parseRequest(await exchange.body(bodyBytesMax, exchange.signal));
  await checkNodePassword(options.client, request);
  const { certificates, config, clock, log } = options;
  const nowMs = clock.nowMs();
  const validity = { notBeforeMs: nowMs - skewMs, notAfterMs: nowMs + certificateLifeMs };
  log.info("a node joins", { node: request.nodeName, from: exchange.remoteAddress });
  return {
    clientCertificate: signRequest(certificates.clientCa, request.clientRequest, { ...validity, usages: ["client"] }),
    servingCertificate: signRequest(certificates.serverCa, request.servingRequest, { ...validity, usages: ["server"] }),
    clientCa: certificates.clientCa.certificate,
    settings: {
      clusterCidr: config.clusterCidr,
      serviceCidr: config.serviceCidr,
      clusterDns: clusterDns(config),
      clusterDomain: config.clusterDomain,
    },
  };
}

function checkToken(verifier: TokenVerifier, header: string): void {
  const given = /^Bearer (\S+)$/.exec(header)?.[1];
  const token = given === undefined ? undefined : parseToken(given);
  if (token?.kind !== "password" || !verifier.verify(token.password))
    throw new JoinRefusal(
      401,
      "expected the token in server/agent-token of the server's data directory, found another; give it with --token",
    );
}

function parseRequest(body: Uint8Array): JoinRequest {
  // Checked field by field below.
  const request = JSON.parse(textOf(body)) as Partial<Record<keyof JoinRequest, unknown>>;
  const { nodeName, nodePassword, clientRequest, servingRequest } = request;
  if (
    typeof nodeName !== "string" ||
    typeof nodePassword !== "string" ||
    typeof clientRequest !== "string" ||
    typeof servingRequest !== "string"
  )
    throw new JoinRefusal(
      400,
      "expected nodeName, nodePassword, clientRequest and servingRequest, found some missing; use an agent of this version",
    );
  if (!nodeNameForm.test(nodeName))
    throw new JoinRefusal(400, `expected a node name of lower-case letters, digits, "-" and ".", found "${nodeName}"`);
  for (const pem of [clientRequest, servingRequest]) checkSubject(pem, nodeName);
  checkNames(servingRequest, nodeName);
  return { nodeName, nodePassword, clientRequest, servingRequest };
}

/** The subject decides what the certificate may do: it must be that of this node and no other. */
function checkSubject(pem: string, nodeName: string): void {
  const { commonName, organizations } = readRequest(pem);
  if (commonName === `system:node:${nodeName}` && organizations.length === 1 && organizations[0] === "system:nodes")
    return;
  throw new JoinRefusal(
    403,
    `expected a certificate request for "system:node:${nodeName}" of "system:nodes", found one for "${commonName}"`,
  );
}

/** A node serves under its own name and addresses; with any other name it could stand in for the API server. */
function checkNames(pem: string, nodeName: string): void {
  const { dnsNames, emailAddresses, uris } = readRequest(pem);
  const foreign = [...dnsNames, ...emailAddresses, ...uris].filter((name) => name !== nodeName && name !== "localhost");
  if (foreign.length > 0)
    throw new JoinRefusal(
      403,
      `expected a serving certificate for "${nodeName}" and addresses, found one for "${foreign.join(", ")}"`,
    );
}

/** A name that was taken once belongs to who took it, until its Secret is deleted. */
async function checkNodePassword(client: Client, { nodeName, nodePassword }: JoinRequest): Promise<void> {
  const key = { namespace: "kube-system", name: `${nodeName}.node-password.kedge` };
  const hash = createHash("sha256").update(nodePassword).digest("base64");
  try {
    const known = (await client.get(secrets, key)).data?.["hash"] ?? "";
    const [a, b] = [Buffer.from(known, "base64"), Buffer.from(hash, "base64")];
    if (a.length !== b.length || !timingSafeEqual(a, b))
      throw new JoinRefusal(
        403,
        `expected the node password with which "${nodeName}" joined first, found another: choose another --node-name, or delete the Secret ${key.name} in kube-system if that node is gone`,
      );
  } catch (error) {
    if (!isReason(error, "NotFound")) throw error;
    await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: key,
      type: "kedge.io/node-password",
      data: { hash },
    });
  }
}
