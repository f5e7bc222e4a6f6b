/**
 * What travels between a client in one thread and the API in another. Objects cross as structured clones; a watch
 * sends no more events than it was given credit for, so that a slow reader is felt by the API, not by memory.
 */
import type { ResourceDefinition } from "#machinery/resource.ts";
import { StatusError, type StatusErrorOptions } from "#machinery/status.ts";

/** The part of a MessagePort that is needed here. */
export interface Port {
  postMessage(message: unknown): void;
  on(event: "message" | "close", listener: (message: unknown) => void): unknown;
  close(): void;
}

export interface ResourceName {
  readonly apiVersion: string;
  readonly plural: string;
}

export type Verb = "get" | "list" | "create" | "update" | "patch" | "delete" | "deleteCollection" | "post";

export type Ask =
  | {
      readonly type: "call";
      readonly id: number;
      readonly verb: Verb;
      readonly resource: ResourceName;
      readonly args: readonly unknown[];
    }
  | {
      readonly type: "watch";
      readonly id: number;
      readonly resource: ResourceName;
      readonly request: unknown;
      readonly credit: number;
    }
  | { readonly type: "more"; readonly id: number; readonly credit: number }
  | { readonly type: "stop"; readonly id: number };

export type Answer =
  | { readonly type: "result"; readonly id: number; readonly value: unknown }
  | { readonly type: "event"; readonly id: number; readonly event: unknown }
  | { readonly type: "ended"; readonly id: number }
  | { readonly type: "refused"; readonly id: number; readonly status: StatusErrorOptions };

export function nameOf(resource: ResourceDefinition): ResourceName {
  return { apiVersion: resource.apiVersion, plural: resource.plural };
}

/** An error in a form that crosses; one that is no refusal is told as an internal error. */
export function statusOf(error: unknown): StatusErrorOptions {
  if (!(error instanceof StatusError))
    return { code: 500, reason: "InternalError", message: error instanceof Error ? error.message : String(error) };
  const { code, reason, message, details, headers } = error;
  return { code, reason, message, headers, ...(details ? { details } : {}) };
}
