/** What all requests of one connection share: where it comes from, and whose certificate it showed. */
import type { TLSSocket } from "node:tls";
import type { PeerCertificate } from "../http.ts";

interface Peer {
  readonly certificate?: PeerCertificate;
  readonly refusal?: string;
}

export class Connection {
  readonly remoteAddress: string;
  readonly loopback: boolean;
  readonly peer: Peer;

  /** @param tlsSocket Undefined for a connection without TLS, which has no peer certificate. */
  constructor(remoteAddress: string | undefined, tlsSocket: TLSSocket | undefined) {
    // A dual-stack socket reports IPv4 peers in mapped form.
    this.remoteAddress = (remoteAddress ?? "").replace(/^::ffff:/, "");
    this.loopback = this.remoteAddress.startsWith("127.") || this.remoteAddress === "::1";
    // Read now: a socket that is gone cannot be asked any more.
    this.peer = tlsSocket ? readPeer(tlsSocket) : {};
  }
}

function readPeer(socket: TLSSocket): Peer {
  const shown = socket.getPeerCertificate();
  // Node answers an empty object when the client showed no certificate, which its type does not say.
  if (!("raw" in shown)) return {};
  if (!socket.authorized) {
    const why = socket.authorizationError;
    return { refusal: why instanceof Error ? why.message : String(why) };
  }
  return {
    certificate: {
      commonName: [shown.subject.CN ?? ""].flat()[0] ?? "",
      organizations: [shown.subject.O ?? []].flat(),
      serialNumber: shown.serialNumber,
      notAfterMs: Date.parse(shown.valid_to),
      raw: shown.raw,
    },
  };
}
