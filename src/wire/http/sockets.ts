/** The open connections of a listening port: so many in all and of one address, and how they end when the port does. */
import type { Socket } from "node:net";
import { httpLimits } from "../http.ts";

export class Sockets {
  /** Aborted when the port closes. */
  readonly closing: AbortSignal;
  private readonly controller = new AbortController();
  private readonly open = new Map<string, Socket>();
  private readonly ofAddress = new Map<string, number>();
  /** How many requests are under way, by connection. Invariant: none of them is 0. */
  private readonly busy = new Map<string, number>();

  constructor() {
    this.closing = this.controller.signal;
  }

  add(socket: Socket): void {
    const { remoteAddress = "" } = socket;
    const count = this.ofAddress.get(remoteAddress) ?? 0;
    const full = this.open.size >= httpLimits.connections || count >= httpLimits.connectionsOfAddress;
    if (full || this.closing.aborted) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    this.open.set(name, socket);
    this.ofAddress.set(remoteAddress, count + 1);
    socket.once("close", () => {
      this.open.delete(name);
      this.busy.delete(name);
      const left = (this.ofAddress.get(remoteAddress) ?? 1) - 1;
      if (left > 0) this.ofAddress.set(remoteAddress, left);
      else this.ofAddress.delete(remoteAddress);
    });
  }

  /** A request begins. @param socket TLS or plain. @returns What to call once it is answered, or its connection is gone */
  begin(socket: Socket): () => void {
    const name = nameOf(socket);
    this.busy.set(name, (this.busy.get(name) ?? 0) + 1);
    return () => {
      const left = (this.busy.get(name) ?? 1) - 1;
      if (left > 0) this.busy.set(name, left);
      else this.busy.delete(name);
      // Its client would wait for the port to be cut; what was written is sent first.
      if (left === 0 && this.closing.aborted) socket.destroySoon();
    };
  }

  /** Tells what has no end of its own, and closes what nobody asks anything on. */
  leave(): void {
    this.controller.abort(new Error("the port closes"));
    for (const [name, socket] of this.open) if (!this.busy.has(name)) socket.destroy();
  }

  cut(): void {
    for (const socket of this.open.values()) socket.destroy();
  }
}

/** The same for a TCP connection and the TLS one over it; unique at one listening port while the connection is open. */
function nameOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
