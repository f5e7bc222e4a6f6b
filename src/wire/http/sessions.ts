/** The HTTP/2 connections of one client to one server: reused, checked when they are silent, few. */
import { type ClientHttp2Session, connect } from "node:http2";
import { dial, dialSignal, type DialOptions, targetOf } from "./dial.ts";

// A server allows so many streams on one connection at least; further ones take another connection.
const streamsPerConnection = 250;
const connectionsMax = 8;
// A connection that hears nothing for so long is asked; without an answer it is given up.
const silentMs = 30_000;
const pongMs = 15_000;
const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 32 * 1024 * 1024;

interface Pooled {
  readonly session: ClientHttp2Session;
  streams: number;
}

export interface SessionLease extends Disposable {
  readonly session: ClientHttp2Session;
}

export class Sessions {
  private readonly options: DialOptions;
  private readonly pool: Pooled[] = [];
  private opening: Promise<void> | undefined;

  constructor(options: DialOptions) {
    this.options = options;
  }

  /** A connection with room for one more stream. Dispose of the lease when the stream is over. */
  async lease(signal: AbortSignal): Promise<SessionLease> {
    let pooled = this.roomiest();
    while (!pooled) {
      this.opening ??= this.open().finally(() => (this.opening = undefined));
      await this.opening;
      signal.throwIfAborted();
      // Others waited for the same connection and may have filled it.
      pooled = this.roomiest();
    }
    const leased = pooled;
    leased.streams += 1;
    return { session: leased.session, [Symbol.dispose]: () => void (leased.streams -= 1) };
  }

  close(): void {
    for (const { session } of this.pool.splice(0)) session.destroy();
  }

  /** The connection to use; undefined when another one should be opened. */
  private roomiest(): Pooled | undefined {
    const free = this.pool.find(({ streams }) => streams < streamsPerConnection);
    if (free || this.pool.length < connectionsMax) return free;
    return this.pool.reduce((least, other) => (other.streams < least.streams ? other : least));
  }

  private async open(): Promise<void> {
    const socket = await dial(this.options, "h2", dialSignal(this.options));
    const session = connect(targetOf(this.options).url.origin, {
      createConnection: () => socket,
      settings: { initialWindowSize: streamWindowBytes, enablePush: false },
    });
    const pooled: Pooled = { session, streams: 0 };
    this.pool.push(pooled);
    const drop = (): void => {
      const at = this.pool.indexOf(pooled);
      if (at >= 0) this.pool.splice(at, 1);
    };
    session.once("connect", () => session.setLocalWindowSize(connectionWindowBytes));
    // Every stream of it fails with the same error, which is where it is reported.
    session.on("error", drop).once("goaway", drop).once("close", drop);
    session.setTimeout(silentMs, () => checkAlive(pooled));
  }
}

function checkAlive({ session, streams }: Pooled): void {
  if (streams === 0) {
    session.close();
    return;
  }
  const dead = setTimeout(() => session.destroy(new Error(`no answer to a ping for ${pongMs} ms`)), pongMs);
  session.once("close", () => clearTimeout(dead));
  session.ping(() => clearTimeout(dead));
}
