/**
 * TLS handshakes that are under way, so many of one address at once. Further connections of it wait as they are: nothing
 * is read of them, they take little memory, and a thousand that leave together do not keep the loop.
 */
import type { Socket } from "node:net";
import { httpLimits } from "../http.ts";

const lookMs = 500;

interface Begun {
  readonly socket: Socket;
  readonly sinceMs: number;
}

interface Line {
  /** By port. */
  readonly running: Map<number, Begun>;
  /** By port, in the order they came: what begins each. */
  readonly waiting: Map<number, () => void>;
  timer?: NodeJS.Timeout;
}

export class Handshakes {
  private readonly lines = new Map<string, Line>();

  /** @param socket Paused. @param begin Called at once, or when there is room. */
  add(socket: Socket, begin: () => void): void {
    const { remoteAddress = "", remotePort = 0 } = socket;
    const line: Line = this.lines.get(remoteAddress) ?? { running: new Map(), waiting: new Map() };
    this.lines.set(remoteAddress, line);
    line.waiting.set(remotePort, () => {
      line.running.set(remotePort, { socket, sinceMs: performance.now() });
      begin();
    });
    socket.once("close", () => this.over({ remoteAddress, remotePort }));
    this.follow(remoteAddress, line);
  }

  /** The handshake is done, or its connection gone. @param peer Of the TCP connection or the TLS one over it. */
  over({ remoteAddress = "", remotePort = 0 }: Pick<Socket, "remoteAddress" | "remotePort">): void {
    const line = this.lines.get(remoteAddress);
    if (!line) return;
    line.running.delete(remotePort);
    line.waiting.delete(remotePort);
    this.follow(remoteAddress, line);
  }

  private follow(address: string, line: Line): void {
    const { running, waiting } = line;
    for (const [port, begin] of waiting) {
      if (running.size >= httpLimits.handshakesOfAddress) break;
      waiting.delete(port);
      begin();
    }
    if (waiting.size > 0) line.timer ??= setInterval(() => hurry(line), lookMs).unref();
    else if (line.timer) {
      clearInterval(line.timer);
      delete line.timer;
    }
    if (waiting.size === 0 && running.size === 0) this.lines.delete(address);
  }
}

/** While others wait, who dawdles is cut. */
function hurry({ running }: Line): void {
  const nowMs = performance.now();
  for (const { socket, sinceMs } of running.values())
    if (nowMs - sinceMs >= httpLimits.handshakeAmongOthersMs) socket.destroy();
}
