/** Frames, however they are cut, and heads that take more than one of them. */
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { raw, rawFrame, rawPreface, rawRequest, rawSettings } from "#testing/raw-http2.ts";
import { Connection } from "../http/connection.ts";
import { Unread } from "../http/unread.ts";
import { Http2Connection } from "./connection.ts";
import { ConnectionError, errorCode } from "./errors.ts";
import { Http2Exchange } from "./exchange.ts";
import { FrameReader, frameBytesMax } from "./frames.ts";

const frame = fc.record(
  {
    type: fc.integer({ min: 0, max: 255 }),
    flags: fc.integer({ min: 0, max: 255 }),
    streamId: fc.integer({ min: 0, max: 0x7fff_ffff }),
    payload: fc.uint8Array({ maxLength: 60 }),
  },
  { noNullPrototype: true },
);

test("frames are the same wherever what comes is cut", () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 80 })), (frames, cuts) => {
      const bytes = Buffer.concat([
        rawPreface,
        ...frames.map(({ type, flags, streamId, payload }) => rawFrame(type, streamId, { flags, payload })),
      ]);
      const read: unknown[] = [];
      const reader = new FrameReader(({ type, flags, streamId, bytes: held, start, end }) => {
        read.push({ type, flags, streamId, payload: Uint8Array.from(held.subarray(start, end)) });
      });
      let at = 0;
      for (const cut of cuts) {
        reader.read(bytes.subarray(at, at + cut));
        at += cut;
      }
      reader.read(bytes.subarray(at));
      assert.deepEqual(read, frames);
    }),
  );
});

test("a frame that is too large is refused by its head, before anything of it is kept", () => {
  for (const cut of [5, 9, 20]) {
    const reader = new FrameReader(() => assert.fail("no frame came"));
    const head = rawFrame(raw.data, 1, { payload: new Uint8Array(frameBytesMax + 1) }).subarray(0, 30);
    reader.read(Buffer.concat([rawPreface, head.subarray(0, cut)].slice(0, cut < 9 ? 2 : 1)));
    assert.throws(
      () => reader.read(cut < 9 ? head.subarray(cut) : head),
      (error) => error instanceof ConnectionError && error.code === errorCode.frameSize,
    );
  }
});

interface Pair {
  readonly origin: string;
  readonly client: ReturnType<typeof duplexPair>[number];
}

/** A connection from another machine, as far as it knows. */
function serve(answer: (exchange: Http2Exchange) => Promise<void> | void): Pair & Disposable {
  const unread = new Unread();
  const [client, server] = duplexPair();
  const connection = new Http2Connection({
    socket: server,
    connection: new Connection("10.0.0.1", undefined, { unread, closing: new AbortController().signal }),
    answer: (stream, of) => answer(new Http2Exchange(stream, of)),
    log: silentLog,
  });
  connection.begin();
  return { origin: "http://a", client, [Symbol.dispose]: () => unread[Symbol.dispose]() };
}

test("a head of more than one frame arrives whole", async () => {
  using served = serve((exchange) => exchange.reply(200, { "x-long": "y".repeat(40_000) }, utf8("hello")));
  const session = connect(served.origin, { createConnection: () => served.client });
  const stream = session.request({ ":path": "/" });
  const body = stream.toArray();
  const [headers] = await once(stream, "response");
  assert.equal(headers["x-long"].length, 40_000);
  assert.equal(Buffer.concat(await body).toString(), "hello");
  session.destroy();
});

test("a large reply to another machine is compressed, and one that breaks off is cut", async () => {
  const body = Array.from({ length: 20_000 }, (_, at) => utf8(`{"item":${at}}\n`));
  let asked: Http2Exchange | undefined;
  using served = serve((exchange) => {
    asked = exchange;
    exchange.reply(200, { "content-type": "application/json" }, body);
  });
  const session = connect(served.origin, { createConnection: () => served.client });
  const stream = session.request({ ":path": "/", "accept-encoding": "gzip" });
  const pieces = stream.toArray();
  const [headers] = await once(stream, "response");
  assert.deepEqual(
    [headers["content-encoding"], headers.vary, headers["content-length"]],
    ["gzip", "Accept-Encoding", undefined],
  );
  assert.deepEqual(gunzipSync(Buffer.concat(await pieces)), Buffer.concat(body));
  const left = session.request({ ":path": "/", "accept-encoding": "gzip" });
  await once(left, "response");
  left.close();
  await once(left, "close");
  assert.ok(asked?.signal.aborted);
  session.destroy();
});

test("a client that asks whether it may send is told to go on, once somebody wants the body", async () => {
  using served = serve(async (exchange) => {
    if (exchange.path === "/no") exchange.reply(403, {}, utf8("no"));
    else exchange.reply(200, {}, await exchange.body(100, exchange.signal));
  });
  const came: Buffer[] = [];
  served.client.on("data", (bytes: Buffer) => came.push(bytes));
  const ask = (streamId: number, path: string): Buffer =>
    rawFrame(raw.headers, streamId, {
      flags: raw.endHeaders,
      payload: rawRequest("POST", path, ["expect", "100-continue"]),
    });
  const settle = async (): Promise<string> => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    return Buffer.concat(came.splice(0)).toString("latin1");
  };
  served.client.write(Buffer.concat([rawPreface, rawSettings(), ask(1, "/yes")]));
  assert.match(await settle(), /100/);
  served.client.write(rawFrame(raw.data, 1, { flags: raw.endStream, payload: utf8("body") }));
  assert.match(await settle(), /body$/);
  served.client.write(ask(3, "/no"));
  const refused = await settle();
  assert.match(refused, /403/);
  assert.doesNotMatch(refused, /100/);
});
