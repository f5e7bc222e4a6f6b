import assert from "node:assert/strict";
import { once } from "node:events";
import { type Duplex, duplexPair, type Readable } from "node:stream";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { textOf, utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { HttpClient } from "./http-client.ts";
import { type HttpServer, listen } from "./http-server.ts";
import type { Exchange } from "./http.ts";
import { acceptPortForward, bridgePair, dialPortForward, type ForwardedPair } from "./port-forward.ts";
import {
  acceptRemoteSession,
  bridge,
  dialRemoteCommand,
  type RemoteSession,
  type RemoteWants,
  UpgradeRefusedError,
} from "./remote-streams.ts";
import { SpdyConnection } from "./spdy.ts";
import { webSocketMessages } from "./websocket.ts";

const everything: RemoteWants = { stdin: true, stdout: true, stderr: true, tty: false };
const terminal: RemoteWants = { stdin: true, stdout: true, stderr: false, tty: true };
const success = utf8('{"metadata":{},"status":"Success"}');
const failure = utf8('{"metadata":{},"status":"Failure","message":"exit 7","reason":"NonZeroExitCode"}');

let server: HttpServer;
let client: HttpClient;
let runtimeGone = Promise.withResolvers<void>();

/** Answers "out: <input>" and "err: <length>" when the input ends, and fails when it is "fail". */
async function run(session: RemoteSession): Promise<void> {
  session.signal.addEventListener("abort", () => runtimeGone.resolve());
  let input = "";
  for await (const chunk of session.stdin ?? []) {
    input += String(chunk);
    if (input === "now") break;
  }
  if (session.resize) input += String((await once(session.resize, "data"))[0]);
  session.stdout?.write(`out: ${input}`);
  session.stderr?.write(`err: ${input.length}`);
  await session.exit(input === "fail" ? failure : success);
}

async function forward(pair: ForwardedPair): Promise<void> {
  pair.error.resume();
  for await (const chunk of pair.data.iterator({ destroyOnReturn: false }))
    pair.data.write(`${pair.port}<${String(chunk)}>`);
  pair.data.end();
  pair.error.end("done");
}

async function answer(exchange: Exchange): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  switch (exchange.path) {
    case "/exec":
      await run(await acceptRemoteSession(exchange, everything));
      return;
    case "/terminal":
      await run(await acceptRemoteSession(exchange, terminal));
      return;
    case "/bridge": {
      const session = await acceptRemoteSession(exchange, everything);
      await bridge(session, await dialRemoteCommand(client, { target: "/exec", wants: everything, signal }));
      return;
    }
    case "/forward":
      await acceptPortForward(exchange, { ports: [80, 8080], onPair: (pair) => void forward(pair) });
      return;
    case "/bridge-forward": {
      const dialed = await dialPortForward(client, { target: "/forward", signal });
      const onPair = (pair: ForwardedPair): void => bridgePair(pair, dialed.open(pair.port));
      const accepted = await acceptPortForward(exchange, { ports: [80, 8080], onPair });
      await accepted.closed;
      dialed.close();
      return;
    }
    case "/logs": {
      const stream = await webSocketMessages(exchange, exchange.query === "text" ? "text" : "bytes");
      stream.write(utf8("line 1\n"));
      stream.write(utf8("line 2\n"));
      stream.end();
    }
  }
}

before(async () => {
  const handler = async (exchange: Exchange): Promise<void> => {
    try {
      await answer(exchange);
    } catch (error) {
      if (!(error instanceof UpgradeRefusedError)) throw error;
      exchange.reply(400, {}, utf8(error.message));
    }
  };
  server = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, handler);
  client = new HttpClient({ url: `http://127.0.0.1:${server.port}`, protocol: "h1" });
});
after(async () => {
  client.close();
  await server.close(0);
});

const signal = AbortSignal.timeout(20_000);

async function text(stream: Readable | undefined): Promise<string> {
  let all = "";
  for await (const chunk of stream?.iterator({ destroyOnReturn: false }) ?? []) all += String(chunk);
  return all;
}

interface Messages {
  readonly socket: WebSocket;
  readonly first: Promise<unknown>;
  /** Everything a channel sent, when the socket has closed. */
  readonly received: Promise<Record<string, string>>;
}

async function dialWebSocket(target: string, protocols: string[]): Promise<Messages> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${target}`, protocols);
  const all: Record<string, string> = {};
  socket.on("message", (data: Buffer, binary) => {
    const channel = binary ? String(data[0]) : String.fromCharCode(data[0] ?? 0);
    const body = binary ? data.subarray(1) : Buffer.from(data.toString("latin1", 1), "base64");
    all[channel] = (all[channel] ?? "") + body.toString();
  });
  const first = once(socket, "message").then(([data]) => data as unknown);
  const received = once(socket, "close").then(([code]) => (code === 1000 ? all : { ...all, closed: String(code) }));
  await once(socket, "open");
  return { socket, first, received };
}

for (const target of ["/exec", "/bridge"]) {
  test(`${target} over SPDY: input ends alone, output and outcome follow`, async () => {
    const command = await dialRemoteCommand(client, { target, wants: everything, signal });
    command.stdin?.write("hel");
    command.stdin?.end("lo");
    const [out, err, status] = await Promise.all([text(command.stdout), text(command.stderr), command.status]);
    assert.deepEqual([out, err, textOf(status)], ["out: hello", "err: 5", textOf(success)]);
  });

  test(`${target} over WebSocket v5: the close signal ends the input`, async () => {
    const { socket, received } = await dialWebSocket(target, ["v5.channel.k8s.io"]);
    assert.equal(socket.protocol, "v5.channel.k8s.io");
    socket.send(Buffer.from("\0fail"));
    socket.send(Buffer.from([255, 0]));
    assert.deepEqual(await received, { 1: "out: fail", 2: "err: 4", 3: textOf(failure) });
  });
}

test("the elder WebSocket protocols carry bytes or base64, and the eldest a plain outcome", async () => {
  const cases = [
    { protocols: ["x", "v4.channel.k8s.io"], input: "now", status: textOf(success) },
    { protocols: ["v4.base64.channel.k8s.io"], input: "now", status: textOf(success) },
    { protocols: ["channel.k8s.io"], input: "now", status: "" },
    { protocols: [], input: "now", status: "" },
  ];
  for (const { protocols, input, status } of cases) {
    const { socket, received } = await dialWebSocket("/exec", protocols);
    const encoded = protocols[0]?.includes("base64")
      ? `0${Buffer.from(input).toString("base64")}`
      : Buffer.from(`\0${input}`);
    socket.send(encoded);
    const all = await received;
    assert.deepEqual([all["1"], all["2"], all["3"] ?? ""], ["out: now", "err: 3", status]);
  }
});

test("a session stands when the first, empty message has come, and a terminal tells its size", async () => {
  const { socket, first, received } = await dialWebSocket("/terminal", ["v5.channel.k8s.io"]);
  assert.deepEqual(await first, Buffer.from([1]));
  socket.send(Buffer.from('\u0004{"Width":80,"Height":24}'));
  socket.send(Buffer.from([255, 0]));
  assert.equal((await received)["1"], 'out: {"Width":80,"Height":24}');
});

test("a client that leaves ends the command behind the bridge", async () => {
  runtimeGone = Promise.withResolvers();
  const { socket } = await dialWebSocket("/bridge", ["v5.channel.k8s.io"]);
  socket.send(Buffer.from("\0hello"));
  socket.terminate();
  await runtimeGone.promise;
});

test("a request without a protocol of ours is refused with the reason", async () => {
  const cases = [
    { upgrade: "websocket", "sec-websocket-protocol": "v9", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" },
    { upgrade: "SPDY/3.1", "x-stream-protocol-version": "v3.channel.k8s.io" },
  ];
  for (const headers of cases) {
    const reply = await client.upgrade({ method: "GET", target: "/exec", headers, signal });
    assert.ok(reply.kind === "refused");
    assert.equal(reply.reply.status, 400);
    assert.match(textOf(await reply.reply.bytes(1000)), /v4\.channel\.k8s\.io.*found "v[39]/);
  }
});

/** A WebSocket client as kubectl's: ws refuses a protocol with a slash, so its short frames are made here. */
async function dialTunnel(target: string): Promise<Duplex> {
  const headers = {
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "SPDY/3.1+portforward.k8s.io",
  };
  const reply = await client.upgrade({ method: "GET", target, headers, signal });
  assert.ok(reply.kind === "switched");
  assert.equal(reply.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  assert.equal(reply.headers["sec-websocket-protocol"], "SPDY/3.1+portforward.k8s.io");
  const { socket } = reply;
  const [inner, outer] = duplexPair();
  outer.on("data", (data: Buffer) => {
    for (let at = 0; at < data.length; at += 100) {
      const part = data.subarray(at, at + 100);
      // Final binary frame, masked with zeros.
      socket.write(Buffer.concat([Buffer.from([0x82, 0x80 | part.length, 0, 0, 0, 0]), part]));
    }
  });
  outer.once("end", () => socket.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0])));
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 2 && rest.length >= 2 + (rest[1] ?? 0)) {
      const end = 2 + (rest[1] ?? 0);
      if (rest[0] === 0x82) outer.write(rest.subarray(2, end));
      else outer.end();
      rest = rest.subarray(end);
    }
  });
  return inner;
}

async function exchangeOver(open: (port: number) => { data: Duplex; error: Duplex }): Promise<void> {
  const pairs = [80, 8080].map((port) => ({ port, ...open(port) }));
  for (const { data, error } of pairs) {
    error.end();
    data.end("ping");
  }
  for (const { port, data, error } of pairs) {
    assert.equal(await text(data), `${port}<ping>`);
    assert.equal(await text(error), "done");
  }
}

for (const target of ["/forward", "/bridge-forward"]) {
  test(`${target} carries several connections over SPDY`, async () => {
    const dialed = await dialPortForward(client, { target, signal });
    await exchangeOver((port) => dialed.open(port));
    dialed.close();
  });

  test(`${target} carries SPDY inside a WebSocket`, async () => {
    const connection = new SpdyConnection(await dialTunnel(target), "client");
    // A client without request ids, whose pairs are told by their stream numbers.
    await exchangeOver((port) => {
      const error = connection.open({ streamtype: "error", port: String(port) });
      return { error, data: connection.open({ streamtype: "data", port: String(port) }) };
    });
    connection.close();
    await connection.closed;
  });

  test(`${target} carries the ports of a request in WebSocket channels`, async () => {
    const { socket, received } = await dialWebSocket(target, ["v4.channel.k8s.io"]);
    socket.send(Buffer.from("\u0002ping"));
    while (!(await once(socket, "message"))[0].toString().includes("8080<ping>"));
    socket.close(1000);
    const port = (number: number): string => Buffer.from([number & 0xff, number >> 8]).toString();
    assert.deepEqual(await received, { 0: port(80), 1: port(80), 2: `${port(8080)}8080<ping>`, 3: port(8080) });
  });
}

test("logs over a WebSocket are one message for each write", async () => {
  const cases = [
    [["binary.k8s.io"], "", ["line 1\n", "line 2\n"]],
    [["base64.binary.k8s.io"], "", ["bGluZSAxCg==", "bGluZSAyCg=="]],
    [[], "text", ["line 1\n", "line 2\n"]],
  ] as const;
  for (const [protocols, query, lines] of cases) {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/logs?${query}`, [...protocols]);
    const messages: string[] = [];
    socket.on("message", (data: Buffer, binary) => {
      assert.equal(binary, protocols[0] === "binary.k8s.io");
      messages.push(data.toString());
    });
    await once(socket, "close");
    assert.deepEqual(messages, lines);
  }
});
