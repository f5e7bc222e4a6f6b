/**
 * Bootstrap tokens: `id.secret`, kept as Secrets in kube-system.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
 */
import { timingSafeEqual } from "node:crypto";
import { fromBase64, textOf, utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { own } from "#base/own.ts";
import type { Client } from "#client/client.ts";
import { isReason, unauthorized } from "#machinery/status.ts";
import { secrets, type Secret } from "#resources/core/secret.ts";
import type { Authenticator, User } from "../access.ts";

const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
export const bootstrapTokenType = "bootstrap.kubernetes.io/token";

export function bootstrapTokenAuthenticator(parts: { readonly client: Client; readonly clock: Clock }): Authenticator {
  return {
    authenticate: async ({ bearerToken = "" }) => {
      const [, id, secret] = form.exec(bearerToken) ?? [];
      if (id === undefined || secret === undefined) return undefined;
      const stored = await findToken(parts.client, id);
      if (!stored) throw unauthorized();
      return userOf({ id, secret, stored, nowMs: parts.clock.nowMs() });
    },
  };
}

async function findToken(client: Client, id: string): Promise<Secret | undefined> {
  try {
    return await client.get(secrets, { namespace: "kube-system", name: `bootstrap-token-${id}` });
  } catch (error) {
    if (isReason(error, "NotFound")) return undefined;
    throw error;
  }
}

interface Claim {
  readonly id: string;
  readonly secret: string;
  readonly stored: Secret;
  readonly nowMs: number;
}

function userOf({ id, secret, stored, nowMs }: Claim): User {
  const field = (name: string): string => textOf(fromBase64(own(stored.data, name) ?? ""));
  const expiration = field("expiration");
  const good =
    stored.type === bootstrapTokenType &&
    stored.metadata.deletionTimestamp === undefined &&
    field("token-id") === id &&
    sameText(field("token-secret"), secret) &&
    field("usage-bootstrap-authentication") === "true" &&
    (expiration === "" || Date.parse(expiration) > nowMs);
  if (!good) throw unauthorized();
  const extra = field("auth-extra-groups")
    .split(",")
    .filter((group) => groupForm.test(group));
  return { name: `system:bootstrap:${id}`, groups: ["system:bootstrappers", ...extra] };
}

/** Compares without telling by its time how much was right. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [utf8(a), utf8(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
