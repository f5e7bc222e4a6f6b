import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { after, before, beforeEach, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { raw, rawFields, rawFrame, rawGet, RawHttp2, rawRequest, rawSettings, words } from "#testing/raw-http2.ts";
import { type HttpServer, listen } from "../http-server.ts";
import { BodyTooLargeError, type Exchange, httpLimits } from "../http.ts";
import { issue, issueCa } from "../x509.ts";
import { errorCode } from "./errors.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const tls = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });

let server: HttpServer;
let asked: Exchange[] = [];
let wake = (): void => undefined;

async function answer(exchange: Exchange): Promise<void> {
  asked.push(exchange);
  wake();
  switch (exchange.path) {
    case "/length": {
      const body = await exchange.body(10_000_000, exchange.signal);
      exchange.reply(200, {}, utf8(String(body.length)));
      return;
    }
    case "/small": {
      try {
        await exchange.body(10, exchange.signal);
      } catch (error) {
        if (error instanceof BodyTooLargeError) exchange.reply(413, {}, new Uint8Array());
      }
      return;
    }
    case "/piped":
      exchange.reply(200, {}, Buffer.concat(await exchange.bodyStream().toArray()));
      return;
    case "/big":
      exchange.reply(200, {}, Buffer.alloc(1024 * 1024, "x"));
      return;
    case "/open":
      exchange.stream(200, {});
      return;
    case "/never":
      await new Promise(() => undefined);
      return;
    default:
      exchange.reply(200, { "x-names": Object.keys(exchange.headers).join() }, utf8("hello"));
  }
}

before(async () => {
  server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, answer);
});
after(() => server.close(0));
beforeEach(() => {
  asked = [];
});

async function askedFor(count: number): Promise<void> {
  while (asked.length < count) await new Promise<void>((resolve) => (wake = resolve));
}

/** The first bytes of a request whose body follows. */
function open(streamId: number, path: string, ...more: readonly (readonly [string, string])[]): Buffer {
  return rawFrame(raw.headers, streamId, { flags: raw.endHeaders, payload: rawRequest("POST", path, ...more) });
}

const repeat = (frame: Uint8Array, times: number): Buffer => Buffer.concat(Array.from({ length: times }, () => frame));
const window = (streamId: number, sizeBytes: number): Buffer =>
  rawFrame(raw.windowUpdate, streamId, { payload: words(sizeBytes) });
const reset = (streamId: number): Buffer => rawFrame(raw.resetStream, streamId, { payload: words(errorCode.cancel) });
test("headers in many fields of one byte each are refused with 431, and the connection serves the next request", async () => {
  const client = await RawHttp2.connect(server.port);
  const kept = Buffer.concat([Buffer.of(0x40), rawFields(["x-bomb", "v".repeat(3_000)]).subarray(1)]);
  const block = Buffer.concat([rawRequest("GET", "/"), kept, Buffer.alloc(12_000, 0xbe)]);
  client.send(rawFrame(raw.headers, 1, { flags: raw.endHeaders | raw.endStream, payload: block }));
  const { payload } = await client.until(({ type }) => type === raw.headers);
  assert.match(payload.toString("latin1"), /431/);
  // The table is as its sender believes it is.
  const next = Buffer.concat([rawRequest("GET", "/"), Buffer.of(0xbe)]);
  client.send(rawFrame(raw.headers, 3, { flags: raw.endHeaders | raw.endStream, payload: next }));
  assert.equal((await client.bodyOf(3)).toString(), "hello");
  assert.equal(asked[0]?.header("x-bomb")?.length, 3_000);
  client.socket.destroy();
});

test("streams beyond the limit are refused, and those that run go on", async () => {
  const client = await RawHttp2.connect(server.port);
  const { concurrentStreams } = httpLimits;
  for (let at = 0; at < concurrentStreams; at += 1) client.send(rawGet(at * 2 + 1, "/open"));
  const beyond = concurrentStreams * 2 + 1;
  client.send(rawGet(beyond, "/"));
  assert.equal(await client.resetOf(beyond), errorCode.refusedStream);
  assert.equal(asked.length, concurrentStreams);
  client.send(reset(1), rawGet(beyond + 2, "/"));
  assert.equal((await client.bodyOf(beyond + 2)).toString(), "hello");
  client.socket.destroy();
});

test("requests that go on after their streams were reset count: a client cannot have more of them made", async () => {
  const client = await RawHttp2.connect(server.port);
  const most = httpLimits.abandonedRequests;
  for (let at = 0; at < most; at += 1) client.send(rawGet(at * 2 + 1, "/never"), reset(at * 2 + 1));
  const beyond = most * 2 + 1;
  client.send(rawGet(beyond, "/"));
  assert.equal(await client.resetOf(beyond), errorCode.refusedStream);
  assert.equal(asked.length, most);
  client.socket.destroy();
});

test("the last stream a connection can have is served, and none can follow it", async () => {
  const client = await RawHttp2.connect(server.port);
  client.send(rawGet(0x7fff_ffff, "/"));
  assert.equal((await client.bodyOf(0x7fff_ffff)).toString(), "hello");
  client.send(rawGet(1, "/"));
  assert.equal((await client.goAway()).code, errorCode.streamClosed);
});

test("a reply keeps to its stream's window, the connection's, and a window that settings make negative", async () => {
  const client = await RawHttp2.connect(server.port, rawSettings([4, 1_000]));
  const sent = (streamId: number): number =>
    client.frames.reduce(
      (sum, frame) => sum + (frame.type === raw.data && frame.streamId === streamId ? frame.payload.length : 0),
      0,
    );
  client.send(rawGet(1, "/big"));
  await client.settle();
  assert.equal(sent(1), 1_000);
  client.send(rawSettings([4, 100]), window(1, 900));
  await client.settle();
  assert.equal(sent(1), 1_000);
  client.send(window(1, 500));
  await client.settle();
  assert.equal(sent(1), 1_500);
  // The connection's window is what is left of 65,535.
  client.send(rawSettings([4, 10_000_000]));
  await client.settle();
  assert.equal(sent(1), 65_535);
  client.send(window(0, 10_000_000));
  assert.equal((await client.bodyOf(1)).length, 1024 * 1024);
  client.socket.destroy();
});

test("replies that wait take turns, a frame each", async () => {
  const client = await RawHttp2.connect(server.port, rawSettings([4, 10_000_000]));
  client.send(rawGet(1, "/big"), rawGet(3, "/big"), rawGet(5, "/"));
  await client.settle();
  client.send(window(0, 10_000_000));
  const [first, second, third] = await Promise.all([client.bodyOf(1), client.bodyOf(3), client.bodyOf(5)]);
  assert.deepEqual([first.length, second.length, third.length], [1024 * 1024, 1024 * 1024, 5]);
  const order = client.frames.filter(({ type }) => type === raw.data).map(({ streamId }) => streamId);
  // All of the first window went to the first one; then nobody waits for another one's whole reply.
  assert.ok(order.indexOf(5) < 12, order.slice(0, 20).join());
  assert.ok(order.indexOf(3) < 12, order.slice(0, 20).join());
  client.socket.destroy();
});

test("windows beyond 2^31 end the stream, or the connection when settings or its own window make them so", async () => {
  const client = await RawHttp2.connect(server.port);
  client.send(rawGet(1, "/open"), window(1, 0x7fff_ffff));
  assert.equal(await client.resetOf(1), errorCode.flowControl);
  client.send(rawGet(3, "/open"), window(3, 0x7fff_ffff - 65_535), rawSettings([4, 65_536]));
  assert.equal((await client.goAway()).code, errorCode.flowControl);
  const other = await RawHttp2.connect(server.port);
  other.send(window(0, 0x7fff_ffff));
  assert.equal((await other.goAway()).code, errorCode.flowControl);
});

test("who sends more than the windows allow is cut off", async () => {
  const client = await RawHttp2.connect(server.port);
  const block = rawFrame(raw.data, 1, { payload: Buffer.alloc(16_384) });
  client.send(open(1, "/never"), repeat(block, httpLimits.streamWindowBytes / 16_384 + 1));
  assert.equal(await client.resetOf(1), errorCode.flowControl);
  // Many streams together: the connection's window, which nobody takes from.
  const each = repeat(block, httpLimits.streamWindowBytes / 16_384);
  for (let streamId = 3; streamId < 60; streamId += 2) {
    for (let at = 0; at < each.length; at += block.length) each.writeUInt32BE(streamId, at + 5);
    client.send(open(streamId, "/never"), each);
  }
  assert.equal((await client.goAway()).code, errorCode.flowControl);
});

test("a body arrives whole in frames of any size, padded or not, and the windows open again", async () => {
  const client = await RawHttp2.connect(server.port);
  client.send(open(1, "/length"));
  const padded = rawFrame(raw.data, 1, {
    flags: raw.padded,
    payload: Buffer.concat([Buffer.of(255), Buffer.alloc(1_255)]),
  });
  const empty = rawFrame(raw.data, 1, { flags: raw.endStream });
  for (let at = 0; at < 120; at += 1) client.send(padded, rawFrame(raw.data, 1, { payload: Buffer.of(1) }));
  client.send(empty);
  assert.equal((await client.bodyOf(1)).toString(), String(120 * 1_001));
  const opened = client.frames.find(({ type, streamId }) => type === raw.windowUpdate && streamId === 1);
  assert.ok(opened, "the padding counts, too");
  client.socket.destroy();
});

test("a body of single bytes that nobody takes yet is held in blocks, not in a piece for each", async () => {
  const client = await RawHttp2.connect(server.port);
  const before = process.memoryUsage();
  const byte = rawFrame(raw.data, 1, { payload: Buffer.of(1) });
  client.send(open(1, "/never"));
  for (let round = 0; round < 20; round += 1) client.send(repeat(byte, 10_000));
  await client.settle();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const grown = heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers;
  assert.ok(grown < 40_000_000, `200,000 bytes of body hold ${grown}`);
  client.socket.destroy();
});

test("a body that is not as long as announced resets its stream", async () => {
  const client = await RawHttp2.connect(server.port);
  const four = rawFrame(raw.data, 1, { payload: Buffer.alloc(4), flags: raw.endStream });
  client.send(open(1, "/length", ["content-length", "5"]), four);
  assert.equal(await client.resetOf(1), errorCode.protocol);
  four.writeUInt32BE(3, 5);
  client.send(open(3, "/length", ["content-length", "3"]), four);
  assert.equal(await client.resetOf(3), errorCode.protocol);
  four.writeUInt32BE(5, 5);
  client.send(open(5, "/length", ["content-length", "4"]), four);
  assert.equal((await client.bodyOf(5)).toString(), "4");
  client.socket.destroy();
});

test("trailers end a body; those with what only a request has reset it", async () => {
  const client = await RawHttp2.connect(server.port);
  const trailers = (streamId: number, name: string, flags: number): Buffer =>
    rawFrame(raw.headers, streamId, { flags: raw.endHeaders | flags, payload: rawFields([name, "x"]) });
  const data = rawFrame(raw.data, 1, { payload: Buffer.alloc(7) });
  client.send(open(1, "/length"), data, trailers(1, "x-sum", raw.endStream));
  assert.equal((await client.bodyOf(1)).toString(), "7");
  client.send(open(3, "/length"), trailers(3, ":path", raw.endStream), open(5, "/length"), trailers(5, "x-sum", 0));
  assert.equal(await client.resetOf(3), errorCode.protocol);
  assert.equal(await client.resetOf(5), errorCode.protocol);
  client.socket.destroy();
});

test("a body that is refused is answered, and its client told to stop", async () => {
  const client = await RawHttp2.connect(server.port);
  client.send(open(1, "/small"), rawFrame(raw.data, 1, { payload: Buffer.alloc(11) }));
  assert.equal(await client.resetOf(1), errorCode.none);
  const head = client.frames.find(({ type }) => type === raw.headers);
  assert.match(head?.payload.toString("latin1") ?? "", /413/);
  // What was on its way is no fault.
  client.send(rawFrame(raw.data, 1, { payload: Buffer.alloc(100), flags: raw.endStream }), rawGet(3, "/"));
  assert.equal((await client.bodyOf(3)).toString(), "hello");
  client.socket.destroy();
});

test("a body read as a stream arrives no faster than it is taken", async () => {
  const client = await RawHttp2.connect(server.port);
  const block = rawFrame(raw.data, 1, { payload: Buffer.alloc(16_384, "b") });
  client.send(open(1, "/piped"), repeat(block, 15), rawFrame(raw.data, 1, { flags: raw.endStream }));
  client.send(window(0, 1_000_000), window(1, 1_000_000));
  assert.equal((await client.bodyOf(1)).length, 15 * 16_384);
  client.socket.destroy();
});

test("what two fields say is one list, or the first one where there can be only one", async () => {
  const client = await RawHttp2.connect(server.port);
  const fields = [
    ["impersonate-group", "a"],
    ["authorization", "first"],
    ["impersonate-group", "b"],
    ["authorization", "second"],
    ["cookie", "x=1"],
    ["cookie", "y=2"],
  ] as const;
  const payload = rawRequest("GET", "/", ...fields);
  client.send(rawFrame(raw.headers, 1, { flags: raw.endHeaders | raw.endStream, payload }));
  await client.bodyOf(1);
  const [exchange] = asked;
  assert.ok(exchange);
  const names = ["impersonate-group", "authorization", "cookie", "constructor"];
  const expected = ["a, b", "first", "x=1; y=2", undefined];
  assert.deepEqual(
    names.map((name) => exchange.header(name)),
    expected,
  );
  assert.deepEqual(
    names.map((name) => exchange.headers[name]),
    expected,
  );
  client.socket.destroy();
});

test("a request names its method, its path and one host, once each, and nothing that is about connections", async () => {
  const client = await RawHttp2.connect(server.port);
  const good = [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/"],
  ] as const;
  const refused: readonly (readonly (readonly [string, string])[])[] = [
    good.slice(1),
    good.slice(0, 2),
    [...good.slice(0, 2), [":path", ""]],
    [...good.slice(0, 2), [":path", "https://a/"]],
    [...good, [":path", "/"]],
    [...good, [":status", "200"]],
    [...good, ["x-a", "b"], [":authority", "a"]],
    [...good, [":authority", "a"], ["host", "b"]],
    [...good, ["host", "a"], ["host", "a"]],
    [...good, ["connection", "close"]],
    [...good, ["te", "gzip"]],
    [...good, ["content-length", "-1"]],
    [...good, ["X-Upper", "a"]],
  ];
  const flags = raw.endHeaders | raw.endStream;
  for (const [at, fields] of refused.entries()) {
    client.send(rawFrame(raw.headers, at * 2 + 1, { flags, payload: rawFields(...fields) }));
    assert.equal(await client.resetOf(at * 2 + 1), errorCode.protocol, JSON.stringify(fields));
  }
  assert.equal(asked.length, 0);
  const taken = rawFields(...good, [":authority", "a"], ["host", "A"], ["te", "trailers"]);
  client.send(rawFrame(raw.headers, 99, { flags, payload: taken }));
  assert.equal((await client.bodyOf(99)).toString(), "hello");
  client.socket.destroy();
});

test("a connection that is closed lets its requests finish, refuses others, and says so", async () => {
  const own = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, answer);
  const client = await RawHttp2.connect(own.port);
  client.send(open(1, "/length"));
  await askedFor(1);
  const closed = own.close(10_000);
  const { payload } = await client.until(({ type }) => type === raw.goAway);
  assert.deepEqual([payload.readUInt32BE(0), payload.readUInt32BE(4)], [1, errorCode.none]);
  client.send(rawGet(3, "/"));
  assert.equal(await client.resetOf(3), errorCode.refusedStream);
  client.send(rawFrame(raw.data, 1, { payload: Buffer.alloc(3), flags: raw.endStream }));
  assert.equal((await client.bodyOf(1)).toString(), "3");
  await client.closed;
  await closed;
});

test("a client that leaves in the middle of anything ends its requests", async () => {
  const client = await RawHttp2.connect(server.port);
  client.send(open(1, "/length"), rawGet(3, "/open"), rawGet(5, "/big"), rawFrame(raw.headers, 7));
  await askedFor(3);
  client.socket.destroy();
  await Promise.all(asked.map(async ({ signal }) => signal.aborted || (await once(signal, "abort"))));
});

test("a client of Node gets and puts 50 at a time on one connection, with stalls", async () => {
  const session = connect(`https://127.0.0.1:${server.port}`, { ca: ca.certificate });
  const body = Buffer.alloc(300_000, "p");
  const one = async (at: number): Promise<number> => {
    const stream = session.request({ ":path": at % 2 ? "/piped" : "/big", ":method": at % 2 ? "POST" : "GET" });
    if (at % 2) stream.end(body);
    await once(stream, "response");
    let sizeBytes = 0;
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (at % 5 === 0) await new Promise(setImmediate);
    }
    return sizeBytes;
  };
  const sizes = await Promise.all(Array.from({ length: 50 }, (_, at) => one(at)));
  assert.deepEqual(
    sizes,
    sizes.map((_, at) => (at % 2 ? body.length : 1024 * 1024)),
  );
  session.close();
});
