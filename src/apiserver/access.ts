/** Who asks for what: the words authentication, authorization and admission share. */
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { Entry, Revision } from "#storage/store.ts";

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
  /** Aborted when the writer left. Made on demand: most writes never wait, and a signal costs more than they do. */
  readonly signal: AbortSignal;
}

/** One admission plugin. Mutating plugins run first, in order, on a draft; then validating ones on the result. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Quick test whether the plugin has anything to do. */
  handles(request: AdmissionRequest): boolean;
  /** Changes `draft`, the object of the request, which it may change freely but not keep. @throws StatusError to refuse */
  mutate?(request: AdmissionRequest, draft: Record<string, unknown>): Promise<void>;
  /** @throws StatusError to refuse */
  validate?(request: AdmissionRequest): Promise<void>;
  /**
   * What changes together with the object, asked for right before it is stored, or goes: then the operation is "delete",
   * whatever made it go.
   */
  companions?(request: AdmissionRequest): readonly Companion[] | Promise<readonly Companion[]>;
  /** Called after a write was stored. Must not throw. */
  stored?(request: AdmissionRequest): void;
}

/** A key of the store that changes in one commit with an object: neither is there without the other. */
export interface Companion {
  readonly key: string;
  /** What is there now, which has seen the write at revision `seen` (0: whatever is at hand). */
  held(seen: Revision): Entry | undefined | Promise<Entry | undefined>;
  /**
   * What is to be there instead. Called again when something else changed it meanwhile.
   *
   * @param held Of revision `absent` when another write of the same commit puts it there.
   * @throws StatusError to refuse the write
   */
  next(held: Entry | undefined): Uint8Array | CompanionFate;
}

/** "lost": what the object rests on is somebody else's now, and it has to be made anew. */
export type CompanionFate = "keep" | "delete" | "lost";

export const superusers = "system:masters";
export const anonymous: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };
