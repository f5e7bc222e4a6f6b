/** Who asks for what: the words authentication, authorization and admission share. */
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";

/** @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What a request carries to prove who sends it. */
export interface Credentials {
  /** Subject of a client certificate that verified against the client CA. */
  readonly certificate:
    | { readonly commonName: string; readonly organizations: readonly string[]; readonly fingerprint: string }
    | undefined;
  /** Without "Bearer ". */
  readonly bearerToken: string | undefined;
}

export interface Authenticator {
  /**
   * @returns The user, or undefined when these credentials are not of a kind this authenticator knows.
   * @throws StatusError 401 when they are, but do not hold (a bad signature, an expired token).
   */
  authenticate(credentials: Credentials, signal: AbortSignal): Promise<User | undefined>;
}

/** What is asked: a resource, or a path that is none. */
export type Attributes =
  | {
      readonly kind: "resource";
      readonly user: User;
      /** get list watch create update patch delete deletecollection, or a special one: bind, escalate, impersonate, approve, sign … */
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
      /** Raw selectors of list, watch and deletecollection, for the node authorizer. */
      readonly fieldSelector: string;
      readonly labelSelector: string;
    }
  | { readonly kind: "path"; readonly user: User; readonly verb: string; readonly path: string };

/** `unsure` lets the next authorizer decide; when none allows, the request is refused. */
export type Decision =
  | { readonly kind: "allowed"; readonly reason: string }
  | { readonly kind: "denied"; readonly reason: string }
  | { readonly kind: "unsure"; readonly reason: string };

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
}

/** A write on its way, as admission sees it. */
export interface AdmissionRequest {
  readonly user: User;
  readonly operation: "create" | "update" | "delete" | "connect";
  readonly resource: ResourceDefinition;
  readonly key: ObjectKey;
  readonly subresource: string;
  readonly dryRun: boolean;
  /** The object that would be stored (or posted to a subresource); absent on delete and connect. */
  readonly object: KubeObject | undefined;
  readonly old: KubeObject | undefined;
  /** Takes a sentence for the person at the other end. */
  readonly warn: (sentence: string) => void;
}

/** One try of a write: what a plugin takes for it, it keeps by this and gives back when it ends. */
export interface WriteAttempt {
  /** Aborted when the writer left: nothing may wait longer. */
  readonly signal: AbortSignal;
}

/** One admission plugin. Mutating plugins run first, in order, on a draft; then validating ones on the result. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Quick test whether the plugin has anything to do. */
  handles(request: AdmissionRequest): boolean;
  /** Changes `draft`, the object of the request, which it may change freely but not keep. @throws StatusError to refuse */
  mutate?(request: AdmissionRequest, draft: Record<string, unknown>, attempt: WriteAttempt): Promise<void>;
  /** @throws StatusError to refuse */
  validate?(request: AdmissionRequest, attempt: WriteAttempt): Promise<void>;
  /**
   * Called once for every attempt this plugin was asked about, whatever became of it: refused, lost, a dry run, or
   * written. Must not throw; a promise is waited for before the writer is answered.
   *
   * @param writtenAt The resourceVersion of the object that was written; undefined when nothing was.
   */
  ended?(attempt: WriteAttempt, writtenAt: string | undefined): Promise<void> | void;
}

export const superusers = "system:masters";
export const anonymous: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
