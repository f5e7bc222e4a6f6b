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
/** No token is asked for more often than this, however short its life is said to be. */
const pauseMsMin = 10_000;
const pauseMsMax = 300_000;
/** Clocks that part by more than this were set: what a token says of its life means another time now. */
const clockSetMs = 60_000;

interface Token {
  readonly text: string;
  /** Both on the clock that only goes forward. */
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
  /** How far the wall clock was ahead of the other when it was given. */
  readonly wallAheadMs: number;
  /** After failures to renew it: how long the last pause was. */
  readonly pauseMs: number;
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
    if (known && !this.isDue(known)) return known.text;
    const keep = (token: Token): string => {
      const ofPod = this.tokens.get(uid) ?? new Map<string, Token>();
      this.tokens.set(uid, ofPod.set(key, token));
      return token.text;
    };
    try {
      return keep(this.tokenOf(await this.request(pod, { audience, expirationSeconds })));
    } catch (error) {
      if (!known) throw error;
      const nowMs = this.parts.clock.monotonicMs();
      const pauseMs = Math.min(Math.max(known.pauseMs * 2, pauseMsMin), pauseMsMax);
      keep({ ...known, pauseMs, renewAtMs: nowMs + pauseMs, wallAheadMs: this.wallAheadMs() });
      // As upstream: one that is still good is used on.
      if (nowMs < known.expiresAtMs) return known.text;
      throw error;
    }
  }

  private isDue(token: Token): boolean {
    const setByMs = Math.abs(this.wallAheadMs() - token.wallAheadMs);
    return setByMs > clockSetMs || this.parts.clock.monotonicMs() >= token.renewAtMs;
  }

  private wallAheadMs(): number {
    return this.parts.clock.nowMs() - this.parts.clock.monotonicMs();
  }

  private tokenOf(answer: { readonly token: string; readonly expirationTimestamp: string }): Token {
    const { clock, random } = this.parts;
    const nowMs = clock.monotonicMs();
    const lifeMs = Date.parse(answer.expirationTimestamp) - clock.nowMs();
    const restMs = Math.max(Math.min(lifeMs * 0.8, ageMsMax) - random.fraction() * jitterMs, pauseMsMin);
    const wallAheadMs = this.wallAheadMs();
    return { text: answer.token, renewAtMs: nowMs + restMs, expiresAtMs: nowMs + lifeMs, wallAheadMs, pauseMs: 0 };
  }

  /** When the first of a pod's tokens is to be renewed, on the clock that only goes forward. */
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
