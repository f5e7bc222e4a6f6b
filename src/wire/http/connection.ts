/** What all requests of one connection share: where it comes from, and whose certificate it showed. */
import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { messageOf } from "#base/assert.ts";
import type { PeerCertificate } from "../http.ts";
import { onlyCommonName, subjectOf } from "../x509/name.ts";
import type { OpenReply, Unread } from "./unread.ts";

interface Peer {
  readonly certificate?: PeerCertificate;
  readonly refusal?: string;
}

/** What all connections of one listening port share. */
export interface Port {
  readonly unread: Unread;
  /** Aborted when the port closes. */
  readonly closing: AbortSignal;
}

let connectionsMade = 0;

export class Connection {
  /** Unique within the process. */
  readonly id = String((connectionsMade += 1));
  readonly unread: Unread;
  readonly closing: AbortSignal;
  readonly remoteAddress: string;
  readonly loopback: boolean;
  readonly peer: Peer;

  /** @param tlsSocket Undefined for a connection without TLS, which has no peer certificate. */
  constructor(remoteAddress: string | undefined, tlsSocket: TLSSocket | undefined, port: Port) {
    this.unread = port.unread;
    this.closing = port.closing;
    // A dual-stack socket reports IPv4 peers in mapped form.
    this.remoteAddress = (remoteAddress ?? "").replace(/^::ffff:/, "");
    this.loopback = this.remoteAddress.startsWith("127.") || this.remoteAddress === "::1";
    // Read now: a socket that is gone cannot be asked any more.
    this.peer = tlsSocket ? readPeer(tlsSocket) : {};
  }

  /** True while too much waits to be read by this connection, this owner or all. */
  isOverdrawn(owner: string): boolean {
    const { unread, id } = this;
    return unread.connections.isOverdrawn(id) || unread.owners.isOverdrawn(owner);
  }
}

/** Counts a reply until it is over. */
export class ReplyCount implements Disposable {
  private readonly connection: Connection;
  private readonly owner: string;
  private readonly sizeBytes: number;
  private readonly leave: () => void;
  private over = false;

  constructor(connection: Connection, owner: string, { sizeBytes, reply }: { sizeBytes: number; reply: OpenReply }) {
    const { unread } = connection;
    this.connection = connection;
    this.owner = owner;
    this.sizeBytes = sizeBytes;
    this.leave = unread.add(reply);
    unread.connections.hold(connection.id, sizeBytes);
    unread.owners.hold(owner, sizeBytes);
  }

  [Symbol.dispose](): void {
    if (this.over) return;
    this.over = true;
    const { unread, id } = this.connection;
    unread.connections.release(id, this.sizeBytes);
    unread.owners.release(this.owner, this.sizeBytes);
    this.leave();
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
  try {
    const subject = subjectOf(shown.raw);
    return {
      certificate: {
        commonName: onlyCommonName(subject),
        organizations: subject.organizations,
        fingerprint: createHash("sha256").update(shown.raw).digest("hex"),
        notAfterMs: Date.parse(shown.valid_to),
        raw: shown.raw,
      },
    };
  } catch (error) {
    // Signed by the CA and yet without one name: whoever it is, it is nobody here.
    return { refusal: messageOf(error) };
  }
}
