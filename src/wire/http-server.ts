/**
 * One port for HTTP/2 and HTTP/1.1, with TLS or without. Every request becomes an `Exchange`. Client certificates are
 * asked for, never demanded: who shows none may still have a token.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import { own } from "#base/own.ts";
import { type Exchange, httpLimits } from "./http.ts";
import { Connection, type Port } from "./http/connection.ts";
import { Http1Exchange, namesOneHost, upgradeExchange } from "./http/exchange-h1.ts";
import { Handshakes } from "./http/handshakes.ts";
import { Sockets } from "./http/sockets.ts";
import { Unread } from "./http/unread.ts";
import { Http2Connections } from "./http2/connections.ts";

/** All in PEM. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** Certificates of the CAs whose client certificates count. */
  readonly clientCa?: string;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Without it, plain HTTP/1.1. */
  readonly tls?: TlsMaterial;
  readonly log: Log;
}

export interface HttpServer {
  readonly port: number;
  /** New connections get the new certificate; those that are open stay. */
  replaceTls(tls: TlsMaterial): void;
  /**
   * Takes no new connection, tells what has no end of its own to end at once (`Exchange.closing`), lets requests finish
   * for `graceMs`, then cuts what is left. May be called again, and waits for the same end then.
   */
  close(graceMs: number): Promise<void>;
}

/** Answers one request. What it throws becomes a bare 500; it is expected to have its own way of reporting errors. */
export type ExchangeHandler = (exchange: Exchange) => void | Promise<void>;

const upgradeProtocols = new Set(["websocket", "spdy/3.1"]);

/** @throws Error with one clear sentence when the port cannot be had. */
export async function listen(options: ServerOptions, handler: ExchangeHandler): Promise<HttpServer> {
  const server = options.tls ? secureServer(options.tls) : createServer(http1Options);
  const answer = guarded(handler, options.log);
  const sockets = new Sockets();
  const unread = new Unread();
  const port: Port = { unread, closing: sockets.closing };
  if (!(server instanceof SecureServer)) server.on("connection", (socket: Socket) => sockets.add(socket));
  answerHttp1(server, answer, { port, sockets });
  const http2 = new Http2Connections({ port, answer, log: options.log });
  if (server instanceof SecureServer) {
    chooseProtocol(server, (socket) => {
      // Busy until it is gone: it ends in good order by itself when the server closes.
      sockets.begin(socket);
      http2.add(socket);
    });
    takeInTurns(server, { sockets, handshakes: new Handshakes() });
    server.on("tlsClientError", (error) => options.log.debug("TLS handshake failed", { error: messageOf(error) }));
  }
  await bind(server, options);
  // A server that listens on TCP has an AddressInfo.
  const { port: number } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return {
    port: number,
    replaceTls: (tls) => {
      if (server instanceof SecureServer) server.setSecureContext(contextOf(tls));
    },
    close: async (graceMs) => {
      using _ = unread;
      http2.close();
      await (closed ??= close(server, sockets, graceMs));
    },
  };
}

const http1Options = {
  maxHeaderSize: httpLimits.headerBytes,
  headersTimeout: httpLimits.headersMs,
  // A body has the time its reader gives it: some are open for hours.
  requestTimeout: 0,
  keepAliveTimeout: httpLimits.idleMs,
  connectionsCheckingInterval: 5_000,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 15_000,
};

function contextOf({ certificate, key, clientCa }: TlsMaterial): { cert: string; key: string; ca?: string } {
  return { cert: certificate, key, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

function secureServer(tls: TlsMaterial): SecureServer {
  return createSecureServer({
    ...contextOf(tls),
    ...http1Options,
    ALPNProtocols: ["h2", "http/1.1"],
    minVersion: "TLSv1.2",
    // A handshake begins when there is room for it.
    pauseOnConnect: true,
    requestCert: tls.clientCa !== undefined,
    rejectUnauthorized: false,
    handshakeTimeout: httpLimits.handshakeMs,
  });
}

/** What listens to an event, taken from it. */
function taken(server: SecureServer, event: string): (socket: Socket) => void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  return (socket) => {
    for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  };
}

interface LetIn {
  readonly sockets: Sockets;
  readonly handshakes: Handshakes;
}

function takeInTurns(server: SecureServer, { sockets, handshakes }: LetIn): void {
  const begin = taken(server, "connection");
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    if (!socket.destroyed) handshakes.add(socket, () => begin(socket));
  });
  server.on("secureConnection", (socket) => handshakes.over(socket));
}

/** Gives connections of HTTP/2 to our own, and leaves those of HTTP/1.1 to Node. */
function chooseProtocol(server: SecureServer, takeHttp2: (socket: TLSSocket) => void): void {
  const takeHttp1 = taken(server, "secureConnection");
  server.on("secureConnection", (socket) => {
    if (socket.alpnProtocol === "h2") takeHttp2(socket);
    else takeHttp1(socket);
    socket.resume();
  });
}

/** Resolves when nobody works at the request any more. */
type Answer = (exchange: Exchange) => Promise<void> | void;

function guarded(handler: ExchangeHandler, log: Log): Answer {
  const failed = (exchange: Exchange, error: unknown): void => {
    log.error("request failed", { method: exchange.method, path: exchange.path, error: messageOf(error) });
    if (!exchange.answered) exchange.reply(500, {}, new Uint8Array());
  };
  return (exchange) => {
    try {
      return handler(exchange)?.catch((error: unknown) => failed(exchange, error));
    } catch (error) {
      return failed(exchange, error);
    }
  };
}

interface Listening {
  readonly port: Port;
  readonly sockets: Sockets;
}

function answerHttp1(server: Server | SecureServer, answer: Answer, { port, sockets }: Listening): void {
  const connections = new WeakMap<Socket, Connection>();
  const connectionOf = (socket: Socket): Connection => {
    let connection = connections.get(socket);
    if (!connection) {
      connection = new Connection(socket.remoteAddress, socket instanceof TLSSocket ? socket : undefined, port);
      connections.set(socket, connection);
    }
    return connection;
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // The reader of a body learns of a broken connection by itself; without this nobody may be listening.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    response.once("close", sockets.begin(request.socket));
    // Who stands between may have read the other one.
    if (!namesOneHost(request)) {
      response.writeHead(400, { connection: "close" }).end();
      return;
    }
    void answer(new Http1Exchange({ request, response, connection: connectionOf(request.socket) }));
  };
  server.on("request", onRequest);
  server.on("checkContinue", onRequest);
  server.on("upgrade", (request: IncomingMessage, _: unknown, head: Buffer) => {
    // Busy until it is gone: whoever takes the connection ends it.
    request.socket.once("close", sockets.begin(request.socket));
    if (!namesOneHost(request)) {
      request.socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return;
    }
    void answer(upgradeExchange(request, head, connectionOf(request.socket)));
  });
  const shouldUpgradeCallback = (request: IncomingMessage): boolean =>
    upgradeProtocols.has((request.headers.upgrade ?? "").toLowerCase());
  Object.assign(server, { shouldUpgradeCallback });
}

function bind(server: Server | SecureServer, { host, port, log }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const why = own(bindProblems, error.code ?? "") ?? messageOf(error);
      reject(new Error(`expected to listen on ${host} port ${port}, found ${why}`));
    };
    server.once("error", onError);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off("error", onError);
      server.on("error", (error: Error) => log.error("listening port failed", { port, error: messageOf(error) }));
      resolve();
    });
  });
}

const bindProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: "that another process listens there; stop it or choose another port",
  EACCES: "that only root may use ports below 1024; run as root or choose another port",
  EADDRNOTAVAIL: "that this machine has no such address; choose one of its own",
};

function close(server: Server | SecureServer, sockets: Sockets, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => sockets.cut(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    sockets.leave();
  });
}
