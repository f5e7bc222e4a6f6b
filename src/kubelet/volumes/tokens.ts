/**
 * Service account tokens for pods: asked for when a pod needs one, and again when four fifths of its life are over, or
 * it is a day old.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
 */
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import { tokenRequestShape } from "#resources/authentication/token-request.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import type { Pod } from "#resources/core/pod.ts";
import type { ServiceAccountTokenProjection } from "#resources/core/volume-sources.ts";

const lifeSecondsDefault = 3607;
const ageMsMax = 24 * 3_600_000;
const jitterMs = 10_000;

interface Token {
  readonly text: string;
  readonly renewAtMs: number;
}

export class Tokens {
  private readonly parts: { readonly client: Client; readonly clock: Clock; readonly random: Random };
  /** By pod uid, then by what was asked for. */
  private readonly tokens = new Map<string, Map<string, Token>>();

  constructor(parts: { readonly client: Client; readonly clock: Clock; readonly random: Random }) {
    this.parts = parts;
  }

  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    const { audience = "", expirationSeconds = lifeSecondsDefault } = projection;
    const key = `${audience}\0${expirationSeconds}`;
    const uid = pod.metadata.uid ?? "";
    const known = this.tokens.get(uid)?.get(key);
    const nowMs = this.parts.clock.nowMs();
    if (known && nowMs < known.renewAtMs) return known.text;
    const { token, expirationTimestamp } = await this.request(pod, { audience, expirationSeconds });
    const lifeMs = Date.parse(expirationTimestamp) - nowMs;
    const renewAtMs = nowMs + Math.min(lifeMs * 0.8, ageMsMax) - this.parts.random.fraction() * jitterMs;
    const ofPod = this.tokens.get(uid) ?? new Map<string, Token>();
    this.tokens.set(uid, ofPod.set(key, { text: token, renewAtMs }));
    return token;
  }

  /** When the first of a pod's tokens is to be renewed. */
  renewAtMs(podUid: string): number | undefined {
    const due = [...(this.tokens.get(podUid)?.values() ?? [])].map((token) => token.renewAtMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  forget(podUid: string): void {
    this.tokens.delete(podUid);
  }

  private async request(
    pod: Pod,
    asked: { readonly audience: string; readonly expirationSeconds: number },
  ): Promise<{ readonly token: string; readonly expirationTimestamp: string }> {
    const { namespace = "", name = "", uid = "" } = pod.metadata;
    const key = { namespace, name: pod.spec.serviceAccountName ?? "default" };
    const answer = await this.parts.client.post(
      { resource: serviceAccounts, key, subresource: "token" },
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        metadata: {},
        spec: {
          audiences: asked.audience === "" ? [] : [asked.audience],
          expirationSeconds: asked.expirationSeconds,
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
        },
      },
    );
    return tokenOf(answer);
  }
}

function tokenOf(answer: unknown): { readonly token: string; readonly expirationTimestamp: string } {
  // Holds because the API server answers a TokenRequest with one that has its status filled.
  const { status } = answer as { status?: { token?: string; expirationTimestamp?: string } };
  if (!status?.token || !status.expirationTimestamp)
    throw new Error(`expected a ${tokenRequestShape.name} with a token, found none`);
  return { token: status.token, expirationTimestamp: status.expirationTimestamp };
}
