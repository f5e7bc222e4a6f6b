/** One question to one server, as bytes, and its reply as it came. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { deadline, machineClock } from "#base/clock.ts";
import { sameQuestion } from "./packet.ts";

const replyTimeoutMs = 2_000;

export interface ExchangeOptions {
  readonly overTcp: boolean;
  readonly signal: AbortSignal;
}

/**
 * @param upstream "address" or "address:port".
 * @throws Error when there is no reply in time.
 */
export async function exchange(query: Uint8Array, upstream: string, options: ExchangeOptions): Promise<Uint8Array> {
  const [host = "", port = "53"] = upstream.split(":");
  using limit = deadline(machineClock, replyTimeoutMs, options.signal);
  return options.overTcp
    ? await exchangeTcp(query, { host, port: Number(port) }, limit.signal)
    : await exchangeUdp(query, { host, port: Number(port) }, limit.signal);
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

function exchangeUdp(query: Uint8Array, { host, port }: Endpoint, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // A socket of its own for each query: its random port is what makes replies hard to forge.
    const socket = createSocket("udp4");
    const finish = (act: () => void): void => {
      signal.removeEventListener("abort", onAbort);
      socket.close();
      act();
    };
    const onAbort = (): void => finish(() => reject(new Error(`no reply from ${host}:${port}`)));
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("message", (reply) => {
      if (sameQuestion(query, reply)) finish(() => resolve(reply));
    });
    // A failed send is told by the error event.
    socket.connect(port, host, () => socket.send(query, () => undefined));
  });
}

function exchangeTcp(query: Uint8Array, { host, port }: Endpoint, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const pending: Buffer[] = [];
    let sizeBytes = 0;
    const socket = connect({ host, port, signal }, () => socket.write(framed(query)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`connection closed by ${host}:${port}`)));
    socket.on("data", (chunk: Buffer) => {
      pending.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes < 2) return;
      const whole = pending.length === 1 ? chunk : Buffer.concat(pending.splice(0));
      if (pending.length === 0) pending.push(whole);
      const end = 2 + whole.readUInt16BE(0);
      if (whole.length < end) return;
      resolve(whole.subarray(2, end));
      socket.destroy();
    });
  });
}

/** A message as it stands in a TCP stream: its length first. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(2 + message.length);
  frame.writeUInt16BE(message.length);
  frame.set(message, 2);
  return frame;
}
