/** Makes the connections of an HTTP client: TCP or a tunnel beneath, TLS or nothing above. */
import { connect as connectTcp, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions } from "node:tls";

/** How long a connection may take to stand, its tunnel and TLS included. */
export const dialMs = 30_000;

/** How a client proves who it is. Both may be absent: it is anonymous then. */
export interface ClientCredentials {
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface DialOptions {
  /** "https://host:port" or "http://host:port"; a path after it is ignored. */
  readonly url: string;
  /** The CAs to trust, in PEM. Without it, those the system trusts. */
  readonly ca?: string;
  /** The name the server's certificate must hold, when it is not the URL's. */
  readonly servername?: string;
  /** True accepts any server certificate: only for fetching a CA whose hash is known. */
  readonly insecure?: boolean;
  /** Asked at each new connection or request, so that renewed credentials are used from then on. */
  readonly credentials?: () => ClientCredentials;
  /** The way to the server, when it is not TCP to the URL's host. */
  readonly tunnel?: (signal: AbortSignal) => Promise<Duplex>;
  /** In place of `dialMs`. */
  readonly dialMs?: number;
}

export function dialSignal(options: DialOptions): AbortSignal {
  return AbortSignal.timeout(options.dialMs ?? dialMs);
}

export interface Target {
  readonly url: URL;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

export function targetOf(options: DialOptions): Target {
  const url = new URL(options.url);
  const secure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { url, host, port: Number(url.port) || (secure ? 443 : 80), secure };
}

/** A connection that is being made; its failure is an "error" event of the stream, also when the signal comes first. */
export async function dial(options: DialOptions, alpn: "h2" | "http/1.1", signal: AbortSignal): Promise<Duplex> {
  const { host, port, secure } = targetOf(options);
  const tunnel = await options.tunnel?.(signal);
  if (!secure) return tunnel ?? untilUp(connectTcp({ host, port, noDelay: true }), "connect", signal);
  const { certificate, key } = options.credentials?.() ?? {};
  const tls: ConnectionOptions = { ALPNProtocols: [alpn], rejectUnauthorized: options.insecure !== true };
  if (options.ca !== undefined) tls.ca = options.ca;
  if (certificate !== undefined) tls.cert = certificate;
  if (key !== undefined) tls.key = key;
  const name = options.servername ?? host;
  if (isIP(name) === 0) tls.servername = name;
  // `host` is what the certificate is held to when there is no server name to send.
  if (tunnel) return untilUp(connectTls({ ...tls, host: name, socket: tunnel }), "secureConnect", signal);
  const socket = connectTls({ ...tls, host, port });
  socket.setNoDelay(true);
  return untilUp(socket, "secureConnect", signal);
}

/** Gives the connection up when it does not stand in time: a server may take it and then say nothing. */
function untilUp<S extends Duplex>(socket: S, up: "connect" | "secureConnect", signal: AbortSignal): S {
  const giveUp = (): void => void socket.destroy(new Error("expected a connection in time, found none"));
  const stop = (): void => signal.removeEventListener("abort", giveUp);
  signal.addEventListener("abort", giveUp, { once: true });
  socket.once(up, stop).once("close", stop);
  return socket;
}
