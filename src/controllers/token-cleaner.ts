/**
 * Deletes bootstrap tokens that have expired.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
 */
import { fromBase64, textOf } from "#base/bytes.ts";
import { keyOf } from "#machinery/meta.ts";
import { secrets, type Secret } from "#resources/core/secret.ts";
import { remove } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { watching } from "./watches.ts";

export interface TokenObservation {
  readonly secret: Secret;
  readonly nowMs: number;
}

const tokenType = "bootstrap.kubernetes.io/token";

export const tokenCleaner: Controller<TokenObservation> = {
  name: "token-cleaner",
  watches: [
    watching(secrets, {
      fieldSelector: `type=${tokenType}`,
      keysOf: ({ object }) =>
        object.type === tokenType && object.metadata.namespace === "kube-system" ? [keyOf(object)] : [],
    }),
  ],
  observe: (key, caches) => {
    const secret = caches.get(secrets, key);
    return secret && { secret, nowMs: caches.nowMs };
  },
  plan: planToken,
};

/** Pure. A token without a time it can be read from does not expire here. */
export function planToken({ secret, nowMs }: TokenObservation): Plan {
  const expiration = secret.data?.["expiration"];
  const untilMs = expiration === undefined ? Number.NaN : Date.parse(textOf(fromBase64(expiration)));
  if (Number.isNaN(untilMs) || secret.metadata.deletionTimestamp !== undefined) return nothing;
  if (untilMs > nowMs) return { actions: [], againAfterMs: untilMs - nowMs };
  return { actions: [remove(secrets, secret)] };
}
