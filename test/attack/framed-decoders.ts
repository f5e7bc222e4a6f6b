/** Hostile bytes for what speaks in frames: DNS over UDP and TCP, SPDY and WebSocket connections. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { connect, Socket } from "node:net";
import { duplexPair } from "node:stream";
import { silentLog } from "#base/log.ts";
import { serveDns } from "#wire/dns.ts";
import { framed } from "#wire/dns/exchange.ts";
import { SpdyConnection } from "#wire/spdy.ts";
import { acceptWebSocket } from "#wire/websocket.ts";
import { WebSocketChannels } from "#wire/websocket/channels.ts";
import { type Exchange, httpLimits } from "#wire/http.ts";
import { Connection } from "#wire/http/connection.ts";
import { Unread } from "#wire/http/unread.ts";
import { Http2Connection } from "#wire/http2/connection.ts";
import { Http2Exchange } from "#wire/http2/exchange.ts";
import { HpackDecoder } from "#wire/http2/hpack-decoder.ts";
import { rawFrame } from "#testing/raw-http2.ts";
import { freePort } from "./free-port.ts";
import { binary, bytesOf, dnsQueries } from "./decoder-corpus.ts";

export interface FramedDecoder {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly read: (input: string) => Promise<void>;
}

const answerMs = 5_000;

/** A DNS server, which must answer a good question after each hostile one. */
export async function dnsServer(signal: AbortSignal): Promise<FramedDecoder> {
  const port = await freePort();
  const none = { answers: [], authorities: [], additionals: [] };
  const over = serveDns(
    {
      addresses: ["127.0.0.1"],
      port,
      handle: () => ({ kind: "answer", code: "NXDOMAIN", ...none }),
      upstreams: () => [],
      log: silentLog,
    },
    signal,
  );
  over.catch(() => undefined);
  const [good = ""] = dnsQueries;
  const udp = createSocket("udp4").unref();
  signal.addEventListener("abort", () => udp.close(), { once: true });
  return {
    name: "DNS",
    inputs: dnsQueries,
    read: async (input) => {
      if (input.length < 60_000) udp.send(bytesOf(input), port, "127.0.0.1");
      const socket = connect(port, "127.0.0.1").unref();
      socket.on("error", () => undefined);
      // First the hostile message, whose frame says as much as it has; then a good one.
      socket.write(framed(bytesOf(input.slice(0, 65_535))));
      socket.end(framed(bytesOf(good)));
      const answered = AbortSignal.timeout(answerMs);
      await once(socket, "data", { signal: answered }).catch(() => {
        throw new TypeError("expected a good question to be answered after a hostile one, found no answer");
      });
      socket.destroy();
    },
  };
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}

/** A SPDY connection that a client of `kubectl exec` opens: it always comes to its end. */
export function spdyConnection(): FramedDecoder {
  const ping = words(0x8003_0006, 4, 1);
  const data = Buffer.concat([words(1, 5), Buffer.from("hello")]);
  const settings = words(0x8003_0004, 4, 0);
  const goAway = words(0x8003_0007, 8, 0, 0);
  const synStream = Buffer.from(
    "80030001000000310000000100000000000078011b00e4ff000000010000000a73747265616d74797065000000056572726f72000000ffff",
    "hex",
  );
  const input = binary(Buffer.concat([synStream, ping, data, settings, goAway]));
  return {
    name: "SPDY frames",
    inputs: [input, binary(Buffer.concat([synStream, data])), binary(Buffer.concat([ping, goAway]))],
    read: async (text) => {
      const [one, other] = duplexPair();
      const connection = new SpdyConnection(other, "server");
      connection.onStream = (stream) => stream.on("error", () => undefined).resume();
      one.on("error", () => undefined);
      one.resume();
      one.end(bytesOf(text));
      await connection.closed;
    },
  };
}

/** A WebSocket with channels, as `kubectl exec` has one: it always comes to its end. */
export function webSocket(): FramedDecoder {
  // Binary, masked with zeros: channel 0, "hi"; a resize on channel 4; ping; close.
  const frames = ["8283000000000068", "828500000000047b7d2020", "898000000000", "88820000000003e8"];
  return {
    name: "WebSocket frames",
    inputs: frames.map((_, at) => binary(Buffer.from(frames.slice(0, at + 1).join(""), "hex"))),
    read: async (text) => {
      const [one, other] = duplexPair();
      const request = new IncomingMessage(new Socket());
      request.method = "GET";
      Object.assign(request.headers, {
        upgrade: "websocket",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": "v5.channel.k8s.io",
      });
      const upgrade = { protocol: "websocket", request, head: Buffer.alloc(0), take: () => other };
      // Holds because accepting looks at nothing else of an exchange.
      const exchange = { upgrade, header: (name: string) => request.headers[name] } as unknown as Exchange;
      one.on("error", () => undefined);
      one.resume();
      const accepted = await acceptWebSocket(exchange, ["v5.channel.k8s.io"]);
      const channels = new WebSocketChannels(accepted);
      for (const number of [0, 1, 4]) channels.open(number).resume();
      one.end(bytesOf(text));
      // A client that is gone, whatever it left unfinished.
      setImmediate(() => other.destroy());
      await channels.closed;
    },
  };
}

/** A connection of HTTP/2 that asks for this and that: it always comes to its end, and no fault is its reader's own. */
export function http2Connection(): FramedDecoder {
  const frame = ([type, flags, streamId]: readonly [number, number, number], payload: string): string =>
    rawFrame(type, streamId, { flags, payload: Buffer.from(payload, "hex") }).toString("hex");
  const hello = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").toString("hex") + frame([4, 0, 0], "000400010000");
  // GET or POST of "/" by https, with a field that is kept.
  const get = "828784400161026f6b";
  const post = "838784be";
  const parts = [
    frame([1, 5, 1], get),
    frame([1, 4, 3], post) + frame([0, 8, 3], "0268656c6c6f0000") + frame([0, 1, 3], "6869"),
    frame([1, 0x25, 5], `00000000ff${get}`) + frame([3, 0, 5], "00000008"),
    frame([1, 1, 7], get.slice(0, 8)) +
      frame([9, 4, 7], get.slice(8)) +
      frame([8, 0, 7], "00010000") +
      frame([8, 0, 0], "00010000"),
    frame([6, 0, 0], "0102030405060708") + frame([2, 0, 9], "0000000010") + frame([0xaa, 0, 0], "00"),
    frame([4, 0, 0], "000500004000000200000000") + frame([4, 1, 0], "") + frame([7, 0, 0], "0000000000000000"),
  ];
  const all = parts.map((_, at) => binary(Buffer.from(hello + parts.slice(0, at + 1).join(""), "hex")));
  return { name: "HTTP/2 frames", inputs: all, read: readHttp2 };
}

async function readHttp2(text: string): Promise<void> {
  using unread = new Unread();
  const [one, other] = duplexPair();
  let own: string | undefined;
  const log = { ...silentLog, error: (message: string, fields?: object) => (own = message + JSON.stringify(fields)) };
  const connection = new Http2Connection({
    socket: other,
    connection: new Connection("127.0.0.1", undefined, { unread, closing: new AbortController().signal }),
    answer: async (stream, connection) => {
      const exchange = new Http2Exchange(stream, connection);
      const body = await exchange.body(10_000, exchange.signal).catch(() => new Uint8Array());
      exchange.reply(200, { "x-path": exchange.path, "x-names": Object.keys(exchange.headers) }, body);
    },
    log,
  });
  connection.begin();
  one.on("error", () => undefined);
  one.resume();
  const closed = once(other, "close");
  one.end(bytesOf(text));
  // A client that is gone, whatever it left unfinished.
  setImmediate(() => setImmediate(() => other.destroy()));
  await closed;
  if (own !== undefined) throw new TypeError(own);
}

/** Header blocks, each after one that fills the table. */
export function headerBlocks(): FramedDecoder {
  const blocks = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "3fe1014003787878017940037a7a7a0131bebf",
    "40884b8d2f17c5e4b9618a9dc475b4418cf1e3c2e5f23a6ba0ab90f4ff",
    "1008706173737776f726406736563726574",
  ];
  return {
    name: "HPACK",
    inputs: blocks.map((block) => binary(Buffer.from(block, "hex"))),
    read: async (text) => {
      const decoder = new HpackDecoder(httpLimits.headerBytes);
      const kept = Buffer.from("4001610162400163016440016501668286", "hex");
      decoder.decode(kept, 0, kept.length);
      const bytes = Buffer.from(bytesOf(text));
      const { fields, tooLarge } = decoder.decode(bytes, 0, bytes.length);
      const sizeBytes = fields.reduce((sum, field) => sum + field.sizeBytes, 0);
      if (sizeBytes > httpLimits.headerBytes || (tooLarge && fields.length > 0))
        throw new TypeError(`expected fields within the limit, found ${sizeBytes} bytes of them`);
    },
  };
}
