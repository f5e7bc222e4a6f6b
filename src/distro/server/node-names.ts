/**
 * Whose node names are: the first who takes a name keeps it, by a password that the machine made and kept. The server's
 * own name is taken by the server when it starts, so that nobody joins as it.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Client } from "#client/client.ts";
import { isReason } from "#machinery/status.ts";
import { secrets, type Secret } from "#resources/core/secret.ts";

export interface NodeName {
  readonly name: string;
  /** Made by the node's machine and kept there. */
  readonly password: string;
}

export type Taken =
  | { readonly kind: "taken" }
  /** It is another machine's; the Secret says so. */
  | { readonly kind: "foreign"; readonly secret: string };

const namespace = "kube-system";
const type = "kedge.io/node-password";

/** Takes a name for who has the password, unless it is another's. */
export async function takeNodeName(client: Client, node: NodeName): Promise<Taken> {
  const known = (await findPassword(client, node.name)) ?? (await record(client, node));
  // Somebody else was faster: what they wrote decides.
  const stored = known ?? (await findPassword(client, node.name));
  if (stored !== undefined && sameHash(stored.data?.["hash"] ?? "", hashOf(node.password))) return { kind: "taken" };
  return { kind: "foreign", secret: secretName(node.name) };
}

/** Takes the server's own name, from whoever holds it. @returns True when somebody else did */
export async function takeOwnNodeName(client: Client, node: NodeName): Promise<boolean> {
  const taken = await takeNodeName(client, node);
  if (taken.kind === "taken") return false;
  const body = { data: { hash: hashOf(node.password) } };
  await client.patch({ resource: secrets, key: { namespace, name: taken.secret } }, { type: "merge", body });
  return true;
}

async function findPassword(client: Client, name: string): Promise<Secret | undefined> {
  try {
    return await client.get(secrets, { namespace, name: secretName(name) });
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

/** @returns undefined when a Secret of the name was made meanwhile */
async function record(client: Client, { name, password }: NodeName): Promise<Secret | undefined> {
  try {
    return await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace, name: secretName(name) },
      type,
      data: { hash: hashOf(password) },
    });
  } catch (error) {
    if (isReason(error, "AlreadyExists")) return undefined;
    throw error;
  }
}

function secretName(name: string): string {
  return `${name}.node-password.kedge`;
}

function hashOf(password: string): string {
  return createHash("sha256").update(password).digest("base64");
}

function sameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, "base64"), Buffer.from(other, "base64")];
  return a.length === b.length && timingSafeEqual(a, b);
}
