/**
 * A connection of HTTP/2 (RFC 9113), this side of it: reads its frames, keeps its streams, and gives each request to
 * whoever answers it. A fault of the client ends its stream or its connection and nothing else.
 */
import type { Duplex } from "node:stream";
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import { httpLimits } from "../http.ts";
import type { Connection } from "../http/connection.ts";
import { Paced } from "../paced.ts";
import { ConnectionError, type ErrorCode, errorCode } from "./errors.ts";
import { Floods } from "./floods.ts";
import {
  type Frame,
  FrameReader,
  frameFlag,
  frameType,
  goAwayFrame,
  headersFrames,
  pingAck,
  resetFrame,
  settingsAck,
  windowFrame,
} from "./frames.ts";
import { HeaderBlocks, type WholeBlock } from "./header-blocks.ts";
import { encodeHead, noTable } from "./hpack-encoder.ts";
import { Output } from "./output.ts";
import { areTrailers, RequestHead } from "./request-head.ts";
import { firstWindow, initialWindowAfter, ownSettings } from "./settings.ts";
import { Http2Stream, type StreamHost } from "./stream.ts";

/** Answers a request, and does not fail. Resolves once nobody works at it any more. */
export type AnswerStream = (stream: Http2Stream, connection: Connection) => Promise<void> | void;

export interface Http2Parts {
  readonly socket: Duplex;
  readonly connection: Connection;
  readonly answer: AnswerStream;
  readonly log: Log;
}

// A client that is still sending gets this long to read why its connection ends.
const lingerMs = 2_000;
// Thousands may leave at once; each takes a twentieth of a millisecond.
const departures = new Paced(100);
const firstWindowUpdate = windowFrame(0, httpLimits.connectionWindowBytes - firstWindow);

export class Http2Connection implements StreamHost {
  private readonly parts: Http2Parts;
  private readonly reader = new FrameReader((frame) => this.frame(frame));
  private readonly blocks = new HeaderBlocks();
  private readonly output: Output;
  private readonly floods = new Floods();
  private readonly streams = new Map<number, Http2Stream>();
  // Invariant: every stream up to the last one is open, or was.
  private lastId = 0;
  // What the client takes of a new stream.
  private sendWindow = firstWindow;
  private settled = false;
  private headsSent = 0;
  private receiveWindow: number = httpLimits.connectionWindowBytes;
  private consumedBytes = 0;
  // Requests whose streams were broken off, and which somebody still works at.
  private abandoned = 0;
  private state: "open" | "ending" | "over" = "open";
  private idle = { lastId: -1, sinceMs: 0 };
  // Those whose rest may still be on its way after this side ended them, the oldest first.
  private readonly broken = new Set<number>();

  constructor(parts: Http2Parts) {
    this.parts = parts;
    this.output = new Output(parts.socket);
  }

  /** Greets the client and hears it from now on. */
  begin(): void {
    const { socket, connection } = this.parts;
    socket.on("drain", () => this.output.resume());
    socket.on("data", (chunk: Buffer) => this.received(chunk));
    // What fails closes, and that is all anybody needs to know.
    socket.on("error", () => undefined);
    // What the client has sent last ends the connection, when its turn comes.
    socket.allowHalfOpen = true;
    socket.on("end", () => this.leave());
    const leave = connection.unread.add({
      leftBytes: () => this.output.leftBytes,
      waits: () => socket.writableLength > 0,
      cut: () => socket.destroy(),
    });
    socket.once("close", () => {
      leave();
      this.over();
    });
    this.output.push(ownSettings, firstWindowUpdate);
  }

  /** Takes no further request, and ends when those that run are answered. */
  close(): void {
    if (this.state !== "open") return;
    this.state = "ending";
    this.output.push(goAwayFrame(this.lastId, errorCode.none, ""));
    this.endWhenDone();
  }

  /** Ends a connection that does nothing, or dawdles. Called now and then. */
  look(nowMs: number): void {
    const { idle } = this;
    const waits = !this.settled || this.blocks.isOpen;
    if ((this.streams.size > 0 && !waits) || idle.lastId !== this.lastId || idle.sinceMs === 0) {
      this.idle = { lastId: this.lastId, sinceMs: nowMs };
      return;
    }
    if (waits && nowMs - idle.sinceMs >= httpLimits.headersMs) this.parts.socket.destroy();
    else if (nowMs - idle.sinceMs >= httpLimits.idleMs) this.close();
  }

  head(stream: Http2Stream, block: Buffer, end: boolean): void {
    this.pushHead(stream.id, block, end);
  }

  send(stream: Http2Stream): void {
    this.output.send(stream);
  }

  finish(stream: Http2Stream): void {
    // The client may stop sending what nobody reads any more (RFC 9113, section 8.1).
    if (!stream.requestEnded) this.break(stream.id, errorCode.none);
    this.drop(stream);
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.break(stream.id, code);
    this.drop(stream);
  }

  consumed(stream: Http2Stream, sizeBytes: number): void {
    this.takenOf(sizeBytes);
    if (stream.closed || stream.requestEnded) return;
    stream.consumedBytes += sizeBytes;
    if (stream.consumedBytes * 2 < httpLimits.streamWindowBytes) return;
    stream.receiveWindow += stream.consumedBytes;
    this.output.push(windowFrame(stream.id, stream.consumedBytes));
    stream.consumedBytes = 0;
  }

  private received(chunk: Buffer): void {
    if (this.state === "over") return;
    try {
      this.reader.read(chunk);
    } catch (error) {
      this.fail(error);
      return;
    }
    const { socket } = this.parts;
    // Who does not read what was answered is not heard until it does.
    if (this.output.backlogBytes <= httpLimits.outputBytes || socket.isPaused()) return;
    this.output.flush();
    if (!socket.writableNeedDrain) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  }

  private frame(frame: Frame): void {
    if (!this.settled && frame.type !== frameType.settings)
      throw new ConnectionError(errorCode.protocol, "expected SETTINGS first, found another frame");
    if (this.blocks.isOpen && (frame.type !== frameType.continuation || frame.streamId !== this.blocks.streamId))
      throw new ConnectionError(errorCode.protocol, "expected the rest of a header block, found another frame");
    switch (frame.type) {
      case frameType.data:
        return this.data(frame);
      case frameType.headers:
        return this.block(this.blocks.begin(frame));
      case frameType.continuation:
        return this.block(this.blocks.add(frame));
      case frameType.priority:
        return this.priority(frame);
      case frameType.resetStream:
        return this.resetByPeer(frame);
      case frameType.settings:
        return this.settings(frame);
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocol, "expected no PUSH_PROMISE of a client, found one");
      case frameType.ping:
        return this.ping(frame);
      case frameType.goAway:
        return this.goAway(frame);
      case frameType.windowUpdate:
        return this.windowUpdate(frame);
      default:
        this.floods.count("ignored");
    }
  }

  private data(frame: Frame): void {
    const { streamId, start } = frame;
    const sizeBytes = frame.end - start;
    this.receiveWindow -= sizeBytes;
    if (this.receiveWindow < 0)
      throw new ConnectionError(
        errorCode.flowControl,
        "expected no more data than the connection's window, found more",
      );
    const bytes = unpadded(frame);
    const ended = (frame.flags & frameFlag.endStream) !== 0;
    const stream = this.streams.get(streamId);
    if (!stream || stream.requestEnded) {
      if (stream) this.reset(stream, errorCode.streamClosed);
      else this.unexpected(streamId);
      this.takenOf(sizeBytes);
      return;
    }
    stream.receiveWindow -= sizeBytes;
    if (stream.receiveWindow < 0) {
      this.refuse(stream, errorCode.flowControl);
      this.takenOf(sizeBytes);
      return;
    }
    if (bytes.length === 0 && !ended) this.floods.count("emptyData");
    if (sizeBytes > bytes.length) this.consumed(stream, sizeBytes - bytes.length);
    if (!stream.receive(bytes.length > 0 ? bytes : undefined, ended)) this.refuse(stream, errorCode.protocol);
  }

  private block(whole: WholeBlock | undefined): void {
    if (!whole) return;
    const { streamId, ended, fields, tooLarge, selfDependent } = whole;
    const stream = this.streams.get(streamId);
    if (stream) {
      // What follows a body ends it; nobody here reads what it says.
      if (stream.requestEnded) return this.refuse(stream, errorCode.streamClosed);
      if (!ended || !areTrailers(fields) || !stream.receive(undefined, true)) this.refuse(stream, errorCode.protocol);
      return;
    }
    if (streamId <= this.lastId) return this.unexpected(streamId);
    if (streamId % 2 === 0)
      throw new ConnectionError(errorCode.protocol, `expected an odd stream of a client, found ${streamId}`);
    this.lastId = streamId;
    const crowded = this.streams.size >= httpLimits.concurrentStreams;
    const busy = this.abandoned >= httpLimits.abandonedRequests;
    if (this.state !== "open" || crowded || busy) return this.refuseId(streamId, errorCode.refusedStream);
    const head = tooLarge || selfDependent ? undefined : RequestHead.of(fields);
    if (head && !(ended && (head.lengthBytes ?? 0) > 0)) this.open(streamId, { head, ended });
    else if (tooLarge) {
      this.pushHead(streamId, encodeHead(431, {}, [["content-length", "0"]]), true);
      this.refuseId(streamId, errorCode.none);
    } else this.refuseId(streamId, errorCode.protocol);
  }

  private open(id: number, { head, ended }: { head: RequestHead; ended: boolean }): void {
    const stream = new Http2Stream({ id, host: this, head, ended, sendWindow: this.sendWindow });
    this.streams.set(id, stream);
    void this.answer(stream);
  }

  private async answer(stream: Http2Stream): Promise<void> {
    await this.parts.answer(stream, this.parts.connection);
    stream.settled = true;
    if (stream.closed && !stream.complete) this.abandoned -= 1;
  }

  private pushHead(streamId: number, block: Buffer, end: boolean): void {
    const whole = this.headsSent === 0 ? Buffer.concat([noTable, block]) : block;
    this.headsSent += 1;
    this.output.push(...headersFrames(streamId, whole, end));
  }

  private priority({ bytes, start, end, streamId }: Frame): void {
    if (streamId === 0) throw onConnection("PRIORITY");
    if (end - start !== 5)
      throw new ConnectionError(errorCode.frameSize, `expected 5 bytes of PRIORITY, found ${end - start}`);
    if ((bytes.readUInt32BE(start) & 0x7fff_ffff) === streamId)
      throw new ConnectionError(errorCode.protocol, `expected stream ${streamId} to depend on another one`);
    this.floods.count("ignored");
  }

  private resetByPeer({ streamId, start, end }: Frame): void {
    if (end - start !== 4)
      throw new ConnectionError(errorCode.frameSize, `expected 4 bytes of RST_STREAM, found ${end - start}`);
    this.knownStream(streamId, "RST_STREAM");
    this.floods.count("resets");
    const stream = this.streams.get(streamId);
    if (stream) this.drop(stream);
  }

  private settings(frame: Frame): void {
    if (frame.streamId !== 0) throw onStream("SETTINGS");
    if ((frame.flags & frameFlag.ack) !== 0) {
      if (frame.end > frame.start)
        throw new ConnectionError(errorCode.frameSize, "expected an empty acknowledgement of settings, found more");
      this.floods.count("settings");
      return;
    }
    this.floods.count("settings");
    const before = this.sendWindow;
    this.sendWindow = initialWindowAfter(frame, before);
    this.settled = true;
    this.output.push(settingsAck);
    const sizeBytes = this.sendWindow - before;
    if (sizeBytes === 0) return;
    for (const stream of this.streams.values()) {
      if (!stream.openWindow(sizeBytes))
        throw new ConnectionError(
          errorCode.flowControl,
          "expected windows below 2^31 after SETTINGS, found a larger one",
        );
      this.output.send(stream);
    }
  }

  private ping(frame: Frame): void {
    if (frame.streamId !== 0) throw onStream("PING");
    if (frame.end - frame.start !== 8)
      throw new ConnectionError(errorCode.frameSize, `expected 8 bytes of PING, found ${frame.end - frame.start}`);
    this.floods.count("pings");
    if ((frame.flags & frameFlag.ack) === 0) this.output.push(pingAck(frame));
  }

  private goAway({ streamId, start, end }: Frame): void {
    if (streamId !== 0) throw onStream("GOAWAY");
    if (end - start < 8)
      throw new ConnectionError(errorCode.frameSize, `expected 8 bytes of GOAWAY or more, found ${end - start}`);
    if (this.streams.size > 0) this.close();
    else this.leave();
  }

  /** The client is gone, and so is what it asked for. */
  private leave(): void {
    if (this.state !== "over") this.over();
    const { socket } = this.parts;
    departures.add(() => {
      // What was written before is sent first.
      if (socket.writableLength > 0) socket.end();
      else socket.destroy();
    });
  }

  private windowUpdate({ bytes, streamId, start, end }: Frame): void {
    if (end - start !== 4)
      throw new ConnectionError(errorCode.frameSize, `expected 4 bytes of WINDOW_UPDATE, found ${end - start}`);
    const sizeBytes = bytes.readUInt32BE(start) & 0x7fff_ffff;
    this.floods.count("windowUpdates");
    if (streamId === 0) {
      if (sizeBytes === 0)
        throw new ConnectionError(errorCode.protocol, "expected a WINDOW_UPDATE of more than 0, found 0");
      this.output.openWindow(sizeBytes);
      return;
    }
    this.knownStream(streamId, "WINDOW_UPDATE");
    const stream = this.streams.get(streamId);
    if (!stream) return;
    if (sizeBytes === 0) this.refuse(stream, errorCode.protocol);
    else if (!stream.openWindow(sizeBytes)) this.refuse(stream, errorCode.flowControl);
    else this.output.send(stream);
  }

  private knownStream(streamId: number, name: string): void {
    if (streamId === 0) throw onConnection(name);
    if (streamId > this.lastId || streamId % 2 === 0)
      throw new ConnectionError(errorCode.protocol, `expected ${name} for a stream that was opened, found ${streamId}`);
  }

  /** A frame of a stream that is over. What was on its way when this side broke it off is no fault. */
  private unexpected(streamId: number): void {
    this.knownStream(streamId, "a frame");
    if (!this.broken.has(streamId))
      throw new ConnectionError(errorCode.streamClosed, `expected no more of stream ${streamId}, found a frame`);
  }

  /** Resets a stream for its client's fault, or one that never became one: a client can have that done fast. */
  private refuse(stream: Http2Stream, code: ErrorCode): void {
    this.floods.count("resets");
    this.reset(stream, code);
  }

  private refuseId(streamId: number, code: ErrorCode): void {
    this.floods.count("resets");
    this.break(streamId, code);
  }

  private break(streamId: number, code: ErrorCode): void {
    this.output.push(resetFrame(streamId, code));
    this.broken.add(streamId);
    if (this.broken.size <= httpLimits.brokenStreams) return;
    for (const oldest of this.broken) {
      this.broken.delete(oldest);
      break;
    }
  }

  private drop(stream: Http2Stream): void {
    this.streams.delete(stream.id);
    if (!stream.complete && !stream.settled) this.abandoned += 1;
    this.output.forget(stream);
    stream.close();
    if (this.state === "ending") this.endWhenDone();
  }

  /** Data that somebody took, or nobody will. */
  private takenOf(sizeBytes: number): void {
    this.consumedBytes += sizeBytes;
    if (this.consumedBytes * 2 < httpLimits.connectionWindowBytes) return;
    this.receiveWindow += this.consumedBytes;
    this.output.push(windowFrame(0, this.consumedBytes));
    this.consumedBytes = 0;
  }

  private endWhenDone(): void {
    if (this.streams.size > 0) return;
    this.output.stop();
    this.state = "over";
    this.linger();
  }

  private fail(error: unknown): void {
    const { log, connection } = this.parts;
    const isFault = error instanceof ConnectionError;
    const message = isFault ? error.message : "";
    if (!isFault) log.error("HTTP/2 connection failed", { error: messageOf(error) });
    else log.debug("HTTP/2 connection ends", { client: connection.remoteAddress, why: message });
    this.output.push(goAwayFrame(this.lastId, isFault ? error.code : errorCode.internal, message));
    this.output.stop();
    this.over();
    this.linger();
  }

  /** The other side reads what was sent last, and closes; if it does not, this side does. */
  private linger(): void {
    const { socket } = this.parts;
    this.reader.stop();
    // What still comes is read and forgotten: a socket that is closed over unread bytes loses what was sent last.
    socket.resume();
    socket.end();
    const cut = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once("close", () => clearTimeout(cut));
  }

  private over(): void {
    this.state = "over";
    this.output.stop();
    this.reader.stop();
    for (const stream of this.streams.values()) this.drop(stream);
  }
}

function unpadded({ bytes, start, end, flags, streamId }: Frame): Buffer {
  if (streamId === 0) throw onConnection("DATA");
  if ((flags & frameFlag.padded) === 0) return bytes.subarray(start, end);
  const padding = bytes[start] ?? 0;
  if (start + 1 + padding > end)
    throw new ConnectionError(errorCode.protocol, `expected less padding than DATA, found ${padding} bytes`);
  return bytes.subarray(start + 1, end - padding);
}

function onConnection(name: string): ConnectionError {
  return new ConnectionError(errorCode.protocol, `expected ${name} for a stream, found it for the connection`);
}

function onStream(name: string): ConnectionError {
  return new ConnectionError(errorCode.protocol, `expected ${name} for the connection, found it for a stream`);
}
