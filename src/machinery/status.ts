/**
 * The catalogue of refusals. A request that cannot be served ends in exactly one StatusError; only the API server's
 * pipeline catches it, and clients see the same class.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
 */
import type { FieldError } from "./field-error.ts";
import type { Status, StatusCause, StatusDetails } from "./meta.ts";

export interface StatusErrorOptions {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: StatusDetails;
  /** Extra response headers, e.g. Retry-After. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Where a list that is too old can go on, inconsistently. */
  readonly continueToken?: string;
}

/** A refusal, as the API server answers it and as a client receives it. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly continueToken: string | undefined;

  constructor(options: StatusErrorOptions) {
    super(options.message);
    this.code = options.code;
    this.reason = options.reason;
    this.details = options.details;
    this.headers = options.headers ?? {};
    this.continueToken = options.continueToken;
  }

  toStatus(): Status {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

/** Which object a refusal is about: `kind` is the plural resource name for most reasons, as upstream has it. */
export interface Target {
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

const qualified = (target: Target): string =>
  target.group === "" ? target.resource : `${target.resource}.${target.group}`;

const detailsOf = (target: Target): StatusDetails => ({
  ...(target.name === "" ? {} : { name: target.name }),
  ...(target.group === "" ? {} : { group: target.group }),
  kind: target.resource,
});

/** True for a StatusError with this reason, e.g. "NotFound". */
export function isReason(thrown: unknown, reason: string): thrown is StatusError {
  return thrown instanceof StatusError && thrown.reason === reason;
}

export function notFound(target: Target): StatusError {
  return new StatusError({
    code: 404,
    reason: "NotFound",
    message: `${qualified(target)} ${JSON.stringify(target.name)} not found`,
    details: detailsOf(target),
  });
}

export function alreadyExists(target: Target): StatusError {
  return new StatusError({
    code: 409,
    reason: "AlreadyExists",
    message: `${qualified(target)} ${JSON.stringify(target.name)} already exists`,
    details: detailsOf(target),
  });
}

export function conflict(target: Target, why: string): StatusError {
  return new StatusError({
    code: 409,
    reason: "Conflict",
    message: `Operation cannot be fulfilled on ${qualified(target)} ${JSON.stringify(target.name)}: ${why}`,
    details: detailsOf(target),
  });
}

/** The conflict of a write whose resourceVersion is not the newest. */
export function modified(target: Target): StatusError {
  return conflict(
    target,
    "the object has been modified; please apply your changes to the latest version and try again",
  );
}

export function forbidden(target: Target, why: string): StatusError {
  const what = target.name === "" ? qualified(target) : `${qualified(target)} ${JSON.stringify(target.name)}`;
  return new StatusError({
    code: 403,
    reason: "Forbidden",
    message: target.resource === "" ? `forbidden: ${why}` : `${what} is forbidden: ${why}`,
    details: detailsOf(target),
  });
}

// Differs from upstream: more causes say nothing new, and each may be as long as the object.
const causesMax = 1_000;

/** All causes of a failed validation at once, as far as a thousand. `target.resource` is the kind here, as upstream has it. */
export function invalid(target: Target, errors: readonly FieldError[]): StatusError {
  const told = errors.slice(0, causesMax);
  const causes: StatusCause[] = told.map((error) => ({
    reason: error.reason,
    message: error.message,
    field: error.field,
  }));
  const sentences = told.map((error) => `${error.field}: ${error.message}`);
  if (told.length < errors.length) sentences.push(`and ${errors.length - told.length} more`);
  const joined = sentences.length === 1 ? sentences[0] : `[${sentences.join(", ")}]`;
  return new StatusError({
    code: 422,
    reason: "Invalid",
    message: `${qualified(target)} ${JSON.stringify(target.name)} is invalid: ${joined}`,
    details: { ...detailsOf(target), causes },
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError({ code: 400, reason: "BadRequest", message });
}

export function unauthorized(message = "Unauthorized"): StatusError {
  return new StatusError({ code: 401, reason: "Unauthorized", message });
}

export function notAcceptable(message: string): StatusError {
  return new StatusError({ code: 406, reason: "NotAcceptable", message });
}

/** @param continueToken Where a list can go on, if it can. */
export function gone(message: string, continueToken?: string): StatusError {
  const token = continueToken === undefined ? {} : { continueToken };
  return new StatusError({ code: 410, reason: "Expired", message, ...token });
}

export function tooLarge(message: string): StatusError {
  return new StatusError({ code: 413, reason: "RequestEntityTooLarge", message });
}

export function unsupportedMediaType(message: string): StatusError {
  return new StatusError({ code: 415, reason: "UnsupportedMediaType", message });
}

export function tooManyRequests(message: string, retryAfterSeconds = 1): StatusError {
  return new StatusError({
    code: 429,
    reason: "TooManyRequests",
    message,
    details: { retryAfterSeconds },
    headers: { "retry-after": String(retryAfterSeconds) },
  });
}

export function internal(message: string): StatusError {
  return new StatusError({
    code: 500,
    reason: "InternalError",
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  });
}

export function unavailable(message: string, retryAfterSeconds = 1): StatusError {
  return new StatusError({
    code: 503,
    reason: "ServiceUnavailable",
    message,
    details: { retryAfterSeconds },
    headers: { "retry-after": String(retryAfterSeconds) },
  });
}

export function timeout(message: string): StatusError {
  return new StatusError({ code: 504, reason: "Timeout", message });
}

/** "Too large resource version": a revision that has not happened yet. */
export function futureResourceVersion(asked: string, current: string): StatusError {
  return new StatusError({
    code: 504,
    reason: "Timeout",
    message: `Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  });
}

/** A StatusError from a Status object that a server sent. */
export function fromStatus(received: Status, httpCode: number): StatusError {
  return new StatusError({
    code: received.code ?? httpCode,
    reason: received.reason ?? "Unknown",
    message: received.message ?? `the server answered with code "${httpCode}"`,
    ...(received.details ? { details: received.details } : {}),
  });
}
