/** A request's body as it comes in DATA frames, taken whole or as a Readable; what nobody takes yet waits here. */
import { Readable } from "node:stream";
import { abortReason } from "#base/clock.ts";
import { BodyTooLargeError, ClientGoneError } from "../http.ts";

/** Who takes the body. */
interface Taker {
  readonly piece: (bytes: Buffer) => void;
  readonly end: () => void;
  readonly gone: () => void;
}

export interface CollectOptions {
  readonly sizeBytesMax: number;
  readonly signal: AbortSignal;
  readonly onBytes?: ((sizeBytes: number) => void) | undefined;
}

// Smaller pieces are copied together: a client that sends byte by byte shall not have an object for each.
const smallBytes = 1_024;
const blockBytes = 4 * smallBytes;

/** Pieces in the order they came. */
class Gathered {
  private readonly pieces: Buffer[] = [];
  // What is being filled, and how far it is.
  private block = Buffer.alloc(0);
  private blockUsed = 0;
  sizeBytes = 0;

  add(bytes: Buffer): void {
    this.sizeBytes += bytes.length;
    if (bytes.length >= smallBytes || this.sizeBytes === bytes.length) {
      this.closeBlock();
      this.pieces.push(bytes);
      return;
    }
    if (this.block.length - this.blockUsed < bytes.length) {
      this.closeBlock();
      this.block = Buffer.allocUnsafeSlow(blockBytes);
    }
    this.blockUsed += bytes.copy(this.block, this.blockUsed);
  }

  all(): readonly Buffer[] {
    this.closeBlock();
    return this.pieces;
  }

  private closeBlock(): void {
    if (this.blockUsed > 0) this.pieces.push(this.block.subarray(0, this.blockUsed));
    this.block = this.block.subarray(this.blockUsed);
    this.blockUsed = 0;
  }
}

export class RequestBody {
  private readonly consumed: (sizeBytes: number) => void;
  private waiting = new Gathered();
  private state: "open" | "ended" | "gone" = "open";
  private taker: Taker | undefined;

  /** @param consumed Is told what somebody took, so that the client may send as much again. */
  constructor(consumed: (sizeBytes: number) => void) {
    this.consumed = consumed;
  }

  receive(bytes: Buffer): void {
    if (this.taker) this.taker.piece(bytes);
    else this.waiting.add(bytes);
  }

  end(): void {
    if (this.state !== "open") return;
    this.state = "ended";
    this.taker?.end();
  }

  /** Nothing comes any more, and what waits is let go. */
  leave(): void {
    const { sizeBytes } = this.waiting;
    this.waiting = new Gathered();
    if (sizeBytes > 0) this.consumed(sizeBytes);
    if (this.state !== "open") return;
    this.state = "gone";
    this.taker?.gone();
  }

  /** @throws BodyTooLargeError, ClientGoneError, what `onBytes` throws, or the signal's reason. */
  collect({ sizeBytesMax, signal, onBytes }: CollectOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const gathered = new Gathered();
      const settle = (finish: () => void): void => {
        this.taker = undefined;
        signal.removeEventListener("abort", onAbort);
        finish();
      };
      const fail = (error: unknown): void => settle(() => reject(error));
      const onAbort = (): void => fail(abortReason(signal));
      const piece = (bytes: Buffer): void => {
        gathered.add(bytes);
        this.consumed(bytes.length);
        if (gathered.sizeBytes > sizeBytesMax) return fail(new BodyTooLargeError(sizeBytesMax));
        try {
          onBytes?.(bytes.length);
        } catch (error) {
          fail(error);
        }
      };
      const end = (): void => {
        const pieces = gathered.all();
        const [first] = pieces;
        settle(() => resolve(pieces.length === 1 && first ? first : Buffer.concat(pieces, gathered.sizeBytes)));
      };
      if (signal.aborted) return reject(abortReason(signal));
      signal.addEventListener("abort", onAbort, { once: true });
      this.take({ piece, end, gone: () => fail(new ClientGoneError()) });
    });
  }

  /** Reads no faster than it is read itself. */
  readable(): Readable {
    const readable = new Readable({
      read: () => {
        this.consumed(heldBytes);
        heldBytes = 0;
      },
      destroy: (error, done) => {
        this.taker = undefined;
        this.consumed(heldBytes);
        heldBytes = 0;
        done(error);
      },
    });
    // Who reads learns of it by itself; nobody may be listening.
    readable.on("error", () => undefined);
    // Pushed, and not yet asked for again.
    let heldBytes = 0;
    this.take({
      piece: (bytes) => {
        if (readable.push(bytes)) this.consumed(bytes.length);
        else heldBytes += bytes.length;
      },
      end: () => readable.push(null),
      gone: () => readable.destroy(new ClientGoneError()),
    });
    return readable;
  }

  /** Gives it what came so far; the rest as it comes. */
  private take(taker: Taker): void {
    this.taker = taker;
    const { waiting } = this;
    this.waiting = new Gathered();
    for (const bytes of waiting.all()) {
      // Once it has enough, the rest waits for the end.
      if (this.taker === taker) taker.piece(bytes);
      else this.waiting.add(bytes);
    }
    if (this.taker !== taker) return;
    if (this.state === "ended") taker.end();
    if (this.state === "gone") taker.gone();
  }
}
