/** DNS messages out of a TCP stream, each with its length before it. A sender that dawdles or does not read is cut off. */
import type { Socket } from "node:net";
import type { Clock, Timer } from "#base/clock.ts";

// From one whole message to the next: also for a sender that drips bytes.
const messageMs = 10_000;
// Replies that nobody reads.
const unreadBytesMax = 256 * 1024;
// Messages that came in one piece, answered without a pause.
const messagesOfTurn = 50;

/** Calls `receive` for each message until the socket closes. The message is the receiver's. */
export function readMessages(socket: Socket, clock: Clock, receive: (message: Uint8Array) => void): void {
  let chunks: Buffer[] = [];
  let sizeBytes = 0;
  let late: Timer = clock.after(messageMs, () => socket.destroy());
  const take = (): void => {
    // Joined only when a message may be whole, so that single bytes cost no copy each.
    if (sizeBytes < wantedBytes(chunks)) return;
    let pending = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
    for (let count = 0; count < messagesOfTurn && isWhole(pending); count += 1) {
      const end = 2 + pending.readUInt16BE(0);
      receive(Uint8Array.from(pending.subarray(2, end)));
      pending = pending.subarray(end);
      late.cancel();
      late = clock.after(messageMs, () => socket.destroy());
    }
    chunks = pending.length === 0 ? [] : [pending];
    sizeBytes = pending.length;
    if (socket.writableLength > unreadBytesMax) socket.destroy();
    if (!isWhole(pending)) return;
    // The rest comes after everybody else's turn.
    socket.pause();
    clock.after(0, () => {
      if (socket.destroyed) return;
      socket.resume();
      take();
    });
  };
  socket.on("error", () => socket.destroy());
  socket.once("close", () => late.cancel());
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    take();
  });
}

function isWhole(pending: Buffer): boolean {
  return pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0);
}

/** The length of the first message with its prefix, as soon as it is known. */
function wantedBytes(chunks: readonly Buffer[]): number {
  const [first, second] = chunks;
  if (!first) return 2;
  const high = first[0] ?? 0;
  const low = first.length > 1 ? first[1] : second?.[0];
  return low === undefined ? 2 : 2 + high * 256 + low;
}
