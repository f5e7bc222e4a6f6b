/**
 * Several streams in one WebSocket: each message begins with the number of its channel. The protocols of this family
 * are `channel.k8s.io`, its base64 form, and their versions 4 and 5.
 */
import { Duplex } from "node:stream";
import type { AcceptedWebSocket } from "../websocket.ts";

// Version 5: a message on this channel closes the channel it names.
const closeChannel = 255;

/** One channel. Its readable side ends with the WebSocket, or by the client's wish in version 5. */
class Channel extends Duplex {
  private readonly channels: WebSocketChannels;
  private readonly number: number;

  constructor(channels: WebSocketChannels, number: number) {
    super({ readableHighWaterMark: 64 * 1024 });
    this.channels = channels;
    this.number = number;
    // A client that goes away is noticed by all channels ending.
    this.on("error", () => undefined);
  }

  override _read(): void {
    this.channels.wanted(this.number);
  }

  override _write(data: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.channels.send(this.number, data, done);
  }
}

export class WebSocketChannels {
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  private readonly socket: AcceptedWebSocket["socket"];
  private readonly base64: boolean;
  private readonly closes: boolean;
  private readonly channels = new Map<number, Channel>();
  // Channels whose reader has enough for now; while there is one, the socket is not read.
  private readonly full = new Set<number>();

  constructor({ socket, protocol }: AcceptedWebSocket) {
    this.socket = socket;
    this.base64 = protocol.includes("base64");
    this.closes = protocol.startsWith("v5.");
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer) => this.receive(data));
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        for (const channel of this.channels.values()) if (!channel.readableEnded) channel.push(null);
        resolve();
      });
    });
  }

  /** Opens a channel. Messages for channels that nobody opened are dropped. */
  open(number: number): Duplex {
    const channel = new Channel(this, number);
    this.channels.set(number, channel);
    return channel;
  }

  /** For channels. An empty message is one too. */
  send(number: number, data: Uint8Array, done: (error?: Error | null) => void): void {
    if (this.socket.readyState !== this.socket.OPEN) {
      done(new Error("expected an open WebSocket, found a closed one"));
      return;
    }
    if (this.base64) this.socket.send(`${number}${Buffer.from(data).toString("base64")}`, { binary: false }, done);
    else this.socket.send(Buffer.concat([Buffer.from([number]), data]), { binary: true }, done);
  }

  /** For channels: the reader of this one wants more. */
  wanted(number: number): void {
    if (this.full.delete(number) && this.full.size === 0) this.socket.resume();
  }

  close(): void {
    // A paused socket would never see the client's answer.
    this.socket.resume();
    this.socket.close(1000);
  }

  private receive(message: Buffer): void {
    const first = message[0];
    if (first === undefined) return;
    if (first === closeChannel && this.closes) {
      const channel = this.channels.get(message[1] ?? closeChannel);
      if (channel && !channel.readableEnded) channel.push(null);
      return;
    }
    const number = this.base64 ? first - 0x30 : first;
    const channel = this.channels.get(number);
    if (!channel || channel.destroyed || channel.readableEnded) return;
    const data = this.base64 ? Buffer.from(message.toString("latin1", 1), "base64") : message.subarray(1);
    if (data.length === 0 || channel.push(data)) return;
    this.full.add(number);
    this.socket.pause();
  }
}
