/** All connections of HTTP/2 of one port: made, looked at now and then, and ended together. */
import type { TLSSocket } from "node:tls";
import type { Log } from "#base/log.ts";
import { type Exchange, httpLimits } from "../http.ts";
import { Connection, type Port } from "../http/connection.ts";
import { Http2Connection } from "./connection.ts";
import { Http2Exchange } from "./exchange.ts";

export interface ConnectionsOptions {
  readonly port: Port;
  /** Resolves when nobody works at the request any more. */
  readonly answer: (exchange: Exchange) => Promise<void> | void;
  readonly log: Log;
}

export class Http2Connections {
  private readonly options: ConnectionsOptions;
  private readonly open = new Set<Http2Connection>();
  private readonly timer = setInterval(() => this.look(performance.now()), httpLimits.unreadLookMs).unref();

  constructor(options: ConnectionsOptions) {
    this.options = options;
  }

  /** Takes over a socket whose client chose HTTP/2. */
  add(socket: TLSSocket): void {
    const { port, answer, log } = this.options;
    const made = new Http2Connection({
      socket,
      connection: new Connection(socket.remoteAddress, socket, port),
      answer: (stream, connection) => answer(new Http2Exchange(stream, connection)),
      log,
    });
    made.begin();
    this.open.add(made);
    socket.once("close", () => this.open.delete(made));
  }

  /** Each ends once what it answers is answered. */
  close(): void {
    clearInterval(this.timer);
    for (const connection of this.open) connection.close();
  }

  private look(nowMs: number): void {
    for (const connection of this.open) connection.look(nowMs);
  }
}
