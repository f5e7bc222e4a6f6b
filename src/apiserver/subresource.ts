/** The kinds of subresources there are. Which a resource has is said in subresources.ts. */
import type { KubeObject } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonValue } from "#machinery/shape.ts";
import type { Exchange } from "#wire/http.ts";
import type { User } from "./access.ts";
import type { Core, Draft, WriteCall } from "./call.ts";
import type { RequestInfo } from "./request-info.ts";

/** Answers a request by itself, over its connection: log, exec, attach, portforward, proxy. */
export type ConnectHook = (exchange: Exchange, info: RequestInfo, user: User) => Promise<void>;

/** A part of the object that is read and written apart. */
export interface PartSubresource {
  readonly kind: "part";
  readonly verbs: readonly ("get" | "patch" | "update")[];
  /** Puts back into `draft` everything of `old` that this subresource may not change. `old` is the caller's copy. */
  readonly keep: (draft: Draft, old: Draft) => void;
}

/** The number of replicas, as a Scale. */
export interface ScaleSubresource {
  readonly kind: "scale";
}

/** An action on the object with a kind of its own. */
export interface PostSubresource {
  readonly kind: "post";
  /** What is posted. */
  readonly body: ResourceDefinition;
  /** @param object Decoded by the body's shape, in its own version. */
  readonly run: (core: Core, call: WriteCall, object: KubeObject) => Promise<JsonValue>;
}

export interface ConnectSubresource {
  readonly kind: "connect";
  readonly verbs: readonly ("create" | "delete" | "get" | "patch" | "update")[];
  /** What discovery says the kind is, e.g. "PodExecOptions". */
  readonly optionsKind: string;
}

export type Subresource = PartSubresource | ScaleSubresource | PostSubresource | ConnectSubresource;
