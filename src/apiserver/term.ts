/**
 * The time a request has: what it does not get done in it is refused, whatever it waits for.
 *
 * @see https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (--request-timeout)
 */
import type { Clock, Timer } from "#base/clock.ts";
import { GoDurationError, goDurationNanos } from "#machinery/go-duration.ts";
import { badRequest, timeout, type StatusError } from "#machinery/status.ts";
import type { RequestInfo } from "./request-info.ts";

/** For every request that is no watch and no connection. Upstream's value; a client may ask for less. */
export const requestTimeoutMs = 60_000;

/** @throws StatusError 400 when the request's `timeout` cannot be read. */
export function timeoutMsOf(info: Pick<RequestInfo, "query">): number {
  const asked = info.query.get("timeout") ?? "";
  if (asked === "") return requestTimeoutMs;
  const milliseconds = Number(nanosOf(asked)) / 1e6;
  return milliseconds > 0 && milliseconds < requestTimeoutMs ? milliseconds : requestTimeoutMs;
}

function nanosOf(text: string): bigint {
  try {
    return goDurationNanos(text);
  } catch (error) {
    if (!(error instanceof GoDurationError)) throw error;
    throw badRequest(`invalid timeout specified in the request URL - ${error.message}`);
  }
}

export class Term implements Disposable {
  private readonly client: () => AbortSignal;
  private readonly timer: Timer | undefined;
  private controller: AbortController | undefined;
  private expired: StatusError | undefined;
  private onExpiry: ((error: StatusError) => void) | undefined;

  /** @param client Aborted when the client leaves; asked for on demand. */
  constructor(clock: Clock, timeoutMs: number | undefined, client: () => AbortSignal) {
    this.client = client;
    this.timer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, () => this.expire());
  }

  /** Aborted when the time is over or the client has left. Made on demand: most requests never wait. */
  get signal(): AbortSignal {
    if (this.timer === undefined) return this.client();
    if (!this.controller) {
      const controller = new AbortController();
      this.controller = controller;
      const client = this.client();
      if (this.expired) controller.abort(this.expired);
      else if (client.aborted) controller.abort(client.reason);
      // The client's signal lives as long as the exchange.
      else client.addEventListener("abort", () => controller.abort(client.reason), { once: true });
    }
    return this.controller.signal;
  }

  /** What `work` gives, within the time. @throws StatusError 504 */
  within<T>(work: Promise<T>): Promise<T> {
    if (this.timer === undefined) return work;
    return new Promise((resolve, reject) => {
      if (this.expired) reject(this.expired);
      this.onExpiry = reject;
      work.then(resolve, reject);
    });
  }

  /** From here on the request has all the time its client takes to read. */
  lift(): void {
    this.timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.timer?.cancel();
  }

  private expire(): void {
    this.expired = timeout("Timeout: request did not complete within the allotted timeout");
    this.onExpiry?.(this.expired);
    this.controller?.abort(this.expired);
  }
}
