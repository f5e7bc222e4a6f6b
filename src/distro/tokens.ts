/**
 * Tokens with which nodes join, in K3s' format: `K10<hash of the CA>::<user>:<password>` lets the node check the server
 * before it says its secret; the short form is the password alone. Bootstrap tokens are `<id>.<secret>`.
 *
 * @see https://docs.k3s.io/cli/token
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import type { Random } from "#base/random.ts";
import { readSecret, writeSecret } from "./certificates/files.ts";

/** Who joins: another server, which gets the CAs' keys, or a node. */
export type TokenUser = "server" | "node";

export type Token =
  | {
      readonly kind: "password";
      readonly caHash: string | undefined;
      readonly user: TokenUser;
      readonly password: string;
    }
  | { readonly kind: "bootstrap"; readonly caHash: string | undefined; readonly id: string; readonly secret: string };

const passwordBytes = 16;

/** @throws Error with one sentence that tells the forms there are. */
export function parseToken(text: string): Token {
  const token = text.trim();
  const [, caHash, secret = token] = /^K10([0-9a-f]{64})::(.+)$/.exec(token) ?? [];
  const [, id, bootstrapSecret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(secret) ?? [];
  if (id !== undefined && bootstrapSecret !== undefined)
    return { kind: "bootstrap", caHash, id, secret: bootstrapSecret };
  if (caHash === undefined) {
    if (token === "" || token.startsWith("K10") || /[\s:]/.test(token)) {
      throw new Error(
        `expected a token like K10<hash>::server:<password>, <id>.<secret> or a password, found another form`,
      );
    }
    return { kind: "password", caHash, user: "server", password: token };
  }
  const [, user, password] = /^(server|node):(\S+)$/.exec(secret) ?? [];
  if ((user !== "server" && user !== "node") || password === undefined) {
    throw new Error(
      "expected server:<password>, node:<password> or <id>.<secret> after the hash of a token, found another form",
    );
  }
  return { kind: "password", caHash, user, password };
}

/** The token that the user gave, itself or as a file; undefined when there is none. */
export function givenToken(config: {
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
}): string | undefined {
  if (config.tokenFile === undefined) return config.token;
  const text = readSecret(config.tokenFile);
  if (text === undefined) throw new Error(`expected a token in the file "${config.tokenFile}", found no such file`);
  return text.trim();
}

/** The hash that stands in tokens: SHA-256 of the CA's file, in hexadecimal. */
export function caHashOf(caPem: string): string {
  return createHash("sha256").update(caPem).digest("hex");
}

export function formatToken(caPem: string, user: TokenUser, password: string): string {
  return `K10${caHashOf(caPem)}::${user}:${password}`;
}

export interface TokenOptions {
  /** `<data>/server`. */
  readonly folder: string;
  /** The certificate of the server CA. */
  readonly caPem: string;
  readonly random: Random;
  /** What the user gave, if anything. */
  readonly given: string | undefined;
}

/**
 * The password of this cluster: what was given, what is in the folder, or a new one. Writes the files `token`,
 * `node-token` and `agent-token`, from which the user takes them.
 *
 * @throws Error when the given token is not this cluster's.
 */
export function ensureTokens({ folder, caPem, random, given }: TokenOptions): string {
  const known = readSecret(join(folder, "token"));
  const password = given === undefined ? undefined : givenPassword(given, caPem);
  const knownPassword = known === undefined ? undefined : passwordIn(known);
  if (password !== undefined && knownPassword !== undefined && password !== knownPassword) {
    throw new Error(
      `expected the token that ${join(folder, "token")} holds, found another one; give that one, or none`,
    );
  }
  const chosen = password ?? knownPassword ?? Buffer.from(random.bytes(passwordBytes)).toString("hex");
  const files = { token: "server", "node-token": "server", "agent-token": "node" } as const;
  for (const [name, user] of Object.entries(files)) {
    const path = join(folder, name);
    const text = `${formatToken(caPem, user, chosen)}\n`;
    if (readSecret(path) !== text) writeSecret(path, text, { durable: true });
  }
  return chosen;
}

/** Who may join with a password, told in a time that says nothing about the right one. */
export class TokenVerifier {
  private readonly digest: Buffer;

  constructor(password: string) {
    this.digest = digest(password);
  }

  /** True when the password of a joining node is right. */
  verify(password: string): boolean {
    return timingSafeEqual(this.digest, digest(password));
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function passwordIn(text: string): string {
  const token = parseToken(text);
  if (token.kind === "password") return token.password;
  throw new Error("expected a token with a password, found a bootstrap token, with which only nodes can join");
}

function givenPassword(given: string, caPem: string): string {
  const { caHash } = parseToken(given);
  if (caHash !== undefined && caHash !== caHashOf(caPem)) {
    throw new Error("expected a token of this cluster, found one with the hash of another CA; give the password alone");
  }
  return passwordIn(given);
}
