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
import type { Exchange } from "#wire/http.ts";
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
