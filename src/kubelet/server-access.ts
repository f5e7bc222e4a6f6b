/**
 * Who may ask a kubelet over the network: the API server decides, for client certificates as well as for tokens.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
 */
import { createHash } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import { own } from "#base/own.ts";
import type { Client } from "#client/client.ts";
import { forbidden, unauthorized } from "#machinery/status.ts";
import { tokenReviews } from "#resources/authentication/token-review.ts";
import { subjectAccessReviews } from "#resources/authorization/subject-access-review.ts";
import type { Exchange } from "#wire/http.ts";

export interface AccessParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
}

interface Asker {
  readonly name: string;
  readonly groups: readonly string[];
}

interface Remembered<T> {
  readonly value: T;
  readonly untilMs: number;
}

// Upstream's times for a node.
const tokenKeptMs = 120_000;
const allowedKeptMs = 300_000;
const deniedKeptMs = 30_000;
const rememberedMax = 1_000;

const verbs: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Subresources of a node that paths belong to; the rest is `proxy`. */
const subresources: readonly (readonly [prefix: string, subresource: string])[] = [
  ["/stats", "stats"],
  ["/metrics", "metrics"],
  ["/logs", "log"],
  ["/checkpoint", "checkpoint"],
  ["/healthz", "healthz"],
  ["/pods", "pods"],
  ["/runningpods", "pods"],
  ["/configz", "configz"],
];

export class ServerAccess {
  private readonly parts: AccessParts;
  private readonly askers = new Map<string, Remembered<Asker | undefined>>();
  private readonly verdicts = new Map<string, Remembered<boolean>>();

  constructor(parts: AccessParts) {
    this.parts = parts;
  }

  /** @throws StatusError when the request may not be answered. */
  async require(exchange: Exchange): Promise<void> {
    const asker = await this.askerOf(exchange);
    if (!asker) throw unauthorized();
    const verb = own(verbs, exchange.method) ?? "get";
    const known = subresources.find(
      ([prefix]) => exchange.path === prefix || exchange.path.startsWith(`${prefix}/`),
    )?.[1];
    const names =
      known === undefined ? ["proxy"] : ["healthz", "pods", "configz"].includes(known) ? [known, "proxy"] : [known];
    for (const subresource of names) if (await this.allows(asker, verb, subresource)) return;
    throw forbidden(
      { group: "", resource: "nodes", name: this.parts.nodeName },
      `user="${asker.name}", verb=${verb}, resource=nodes, subresource(s)=[${names.join(" ")}]`,
    );
  }

  private async askerOf(exchange: Exchange): Promise<Asker | undefined> {
    const certificate = exchange.peerCertificate();
    if (certificate)
      return { name: certificate.commonName, groups: [...certificate.organizations, "system:authenticated"] };
    const token = /^Bearer (.+)$/i.exec(exchange.header("authorization") ?? "")?.[1];
    if (token === undefined) return { name: "system:anonymous", groups: ["system:unauthenticated"] };
    // Tokens are not kept, only their digests.
    const key = createHash("sha256").update(token).digest("base64");
    return await this.remembered(this.askers, key, async () => {
      const review = await this.parts.client.create(tokenReviews, {
        apiVersion: tokenReviews.apiVersion,
        kind: tokenReviews.kind,
        metadata: {},
        spec: { token },
        status: { user: {} },
      });
      const user = review.status?.authenticated ? review.status.user : undefined;
      return { value: user && { name: user.username ?? "", groups: user.groups ?? [] }, keptMs: tokenKeptMs };
    });
  }

  private async allows(asker: Asker, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([asker, verb, subresource]);
    return await this.remembered(this.verdicts, key, async () => {
      const review = await this.parts.client.create(subjectAccessReviews, {
        apiVersion: subjectAccessReviews.apiVersion,
        kind: subjectAccessReviews.kind,
        metadata: {},
        spec: {
          user: asker.name,
          groups: asker.groups,
          resourceAttributes: { verb, version: "v1", resource: "nodes", subresource, name: this.parts.nodeName },
        },
        status: { allowed: false },
      });
      const value = review.status?.allowed === true;
      return { value, keptMs: value ? allowedKeptMs : deniedKeptMs };
    });
  }

  private async remembered<T>(
    cache: Map<string, Remembered<T>>,
    key: string,
    find: () => Promise<{ readonly value: T; readonly keptMs: number }>,
  ): Promise<T> {
    const nowMs = this.parts.clock.monotonicMs();
    const known = cache.get(key);
    if (known && nowMs < known.untilMs) return known.value;
    const { value, keptMs } = await find();
    const oldest = cache.keys().next();
    if (cache.size >= rememberedMax && !oldest.done) cache.delete(oldest.value);
    cache.set(key, { value, untilMs: nowMs + keptMs });
    return value;
  }
}
