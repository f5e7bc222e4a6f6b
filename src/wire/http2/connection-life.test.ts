/** How long a connection without anything to do, or one that dawdles, is kept. */
import assert from "node:assert/strict";
import { duplexPair, type Duplex } from "node:stream";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { raw, rawFrame, rawGet, rawPreface, rawSettings } from "#testing/raw-http2.ts";
import { httpLimits } from "../http.ts";
import { Connection } from "../http/connection.ts";
import { Unread } from "../http/unread.ts";
import { Http2Connection } from "./connection.ts";
import { Http2Exchange } from "./exchange.ts";

const { idleMs, headersMs, unreadMs, unreadLookMs } = httpLimits;

interface Life extends Disposable {
  readonly connection: Http2Connection;
  readonly client: Duplex;
  readonly server: Duplex;
  readonly unread: Unread;
  readonly settle: () => Promise<void>;
}

function begin(sizeBytes = 5): Life {
  const unread = new Unread();
  const [client, server] = duplexPair();
  client.on("error", () => undefined);
  const connection = new Http2Connection({
    socket: server,
    connection: new Connection("127.0.0.1", undefined, { unread, closing: new AbortController().signal }),
    answer: (stream, of) => {
      const exchange = new Http2Exchange(stream, of);
      if (exchange.path === "/open") exchange.stream(200, {});
      else exchange.reply(200, {}, new Uint8Array(sizeBytes));
    },
    log: silentLog,
  });
  connection.begin();
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  };
  return { connection, client, server, unread, settle, [Symbol.dispose]: () => unread[Symbol.dispose]() };
}

/** Looks at it as often as the port does. */
function pass(connection: Http2Connection, fromMs: number, ms: number): void {
  for (let at = fromMs; at <= fromMs + ms; at += unreadLookMs) connection.look(at);
}

test("a connection without a request ends in good order, one with an open reply stays", async () => {
  using idle = begin();
  using busy = begin();
  for (const { client } of [idle, busy]) client.resume().write(Buffer.concat([rawPreface, rawSettings()]));
  busy.client.write(rawGet(1, "/open"));
  await idle.settle();
  pass(idle.connection, 1_000, idleMs - unreadLookMs);
  // A request in between begins the time anew.
  idle.client.write(rawGet(1, "/"));
  await idle.settle();
  pass(idle.connection, idleMs, idleMs - unreadLookMs);
  await idle.settle();
  assert.ok(!idle.server.writableEnded);
  pass(idle.connection, 2 * idleMs, unreadLookMs);
  pass(busy.connection, 1_000, 10 * idleMs);
  await idle.settle();
  assert.ok(idle.server.writableEnded);
  assert.ok(!busy.server.writableEnded);
});

test("a client that does not begin, or does not finish a header block, is cut", async () => {
  using silent = begin();
  using half = begin();
  half.client.resume().write(Buffer.concat([rawPreface, rawSettings(), rawGet(1, "/open"), rawFrame(raw.headers, 3)]));
  for (const { client, connection, server, settle } of [silent, half]) {
    client.resume();
    await settle();
    pass(connection, 1_000, headersMs - unreadLookMs);
    assert.ok(!server.destroyed);
    pass(connection, headersMs, 2 * unreadLookMs);
    assert.ok(server.destroyed);
  }
});

test("a client that reads nothing of its connection is not heard, and cut after a minute", async () => {
  using life = begin(20_000);
  life.client.pause();
  life.client.write(Buffer.concat([rawPreface, rawSettings()]));
  for (let at = 0; at < 100; at += 1) life.client.write(rawGet(at * 2 + 1, "/"));
  await life.settle();
  assert.ok(life.server.writableLength < 4 * httpLimits.outputBytes, `${life.server.writableLength} wait`);
  for (let ms = 0; ms <= unreadMs + unreadLookMs; ms += unreadLookMs) life.unread.look(ms);
  assert.ok(life.server.destroyed);
  await life.settle();
  assert.equal(life.unread.openCount, 0);
});
