/** Reads a whole body from a stream, up to a limit. */
import type { Readable } from "node:stream";
import { abortReason } from "#base/clock.ts";
import { BodyTooLargeError } from "../http.ts";

export interface CollectOptions {
  readonly sizeBytesMax: number;
  readonly signal: AbortSignal;
  /** Told the size of each piece; what it throws ends the reading. */
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
  /** What is thrown when the stream breaks off. */
  readonly gone: () => Error;
}

/** @throws BodyTooLargeError, what `gone` makes, or the signal's reason. The stream is paused then, not destroyed. */
export function collect(readable: Readable, options: CollectOptions): Promise<Uint8Array> {
  const { sizeBytesMax, signal } = options;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const settle = (finish: () => void): void => {
      readable.off("data", onData);
      readable.off("end", onEnd);
      readable.off("error", onGone);
      readable.off("close", onGone);
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const fail = (error: Error): void => {
      settle(() => {
        readable.pause();
        reject(error);
      });
    };
    const onData = (chunk: Buffer): void => {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) return fail(new BodyTooLargeError(sizeBytesMax));
      chunks.push(chunk);
      try {
        options.onBytes?.(chunk.length);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const onEnd = (): void => {
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, sizeBytes)));
    };
    const onGone = (): void => fail(options.gone());
    const onAbort = (): void => fail(abortReason(signal));
    if (signal.aborted) return onAbort();
    if (readable.destroyed && !readable.readableEnded) return onGone();
    signal.addEventListener("abort", onAbort, { once: true });
    readable.on("error", onGone).on("close", onGone).on("end", onEnd).on("data", onData);
  });
}

/** The length a request announces, or undefined. */
export function announcedLength(contentLength: string | readonly string[] | undefined): number | undefined {
  return typeof contentLength === "string" ? Number(contentLength) : undefined;
}
