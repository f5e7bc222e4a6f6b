import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { Writable } from "node:stream";
import { connect as connectTcp } from "node:net";
import { test } from "node:test";
import { queryObjects } from "node:v8";
import { silentLog } from "#base/log.ts";
import { listen } from "../http-server.ts";
import { httpLimits, type Exchange } from "../http.ts";
import { issue, issueCa } from "../x509.ts";
import { ReplyCount } from "./connection.ts";
import { Pieces } from "./outgoing.ts";
import { Unread } from "./unread.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const tls = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });

test("replies that nobody reads are counted for their connection and owner until the client leaves", async () => {
  const asked: Exchange[] = [];
  let wake = (): void => undefined;
  const server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, (exchange) => {
    exchange.owner = "eve";
    asked.push(exchange);
    exchange.reply(200, {}, new Uint8Array(1024 * 1024));
    wake();
  });
  const session: ClientHttp2Session = connect(`https://127.0.0.1:${server.port}`, {
    ca: ca.certificate,
    settings: { initialWindowSize: 0 },
  });
  const wanted = 2 + httpLimits.unreadBytesOfConnection / (1024 * 1024);
  for (let at = 0; at < wanted; at += 1) session.request({ ":path": "/" }).on("error", () => undefined);
  while (asked.length < wanted) await new Promise<void>((resolve) => (wake = resolve));
  assert.ok(asked[0]?.isOverdrawn);
  session.destroy();
  await Promise.all(asked.map(async ({ signal }) => signal.aborted || (await once(signal, "abort"))));
  assert.ok(!asked[0].isOverdrawn);
  await server.close(0);
});

test("a reply of which nothing leaves for a minute is cut, one that moves or has nothing waiting is not", () => {
  using unread = new Unread();
  const cut: string[] = [];
  let moved = 0;
  unread.add({ leftBytes: () => 5, waits: () => true, cut: () => cut.push("stuck") });
  unread.add({ leftBytes: () => (moved += 1), waits: () => true, cut: () => cut.push("slow") });
  unread.add({ leftBytes: () => 5, waits: () => false, cut: () => cut.push("idle") });
  for (let ms = 0; ms <= httpLimits.unreadMs; ms += httpLimits.unreadLookMs) unread.look(ms);
  assert.deepEqual(cut, ["stuck"]);
  assert.equal(unread.openCount, 2);
});

test("a large piece is handed on as it is, not copied for each reader", () => {
  const written: unknown[] = [];
  const writable = new Writable({
    write: (chunk, _, done) => {
      written.push(chunk);
      done();
    },
  });
  const { signal } = new AbortController();
  const pieces = new Pieces({ writable, signal: () => signal, reset: () => undefined });
  const large = Buffer.alloc(1_000_000);
  pieces.write(Buffer.from("small"));
  pieces.write(large);
  pieces.end();
  assert.equal(written.length, 2);
  assert.equal(written[1], large);
});

test("ten thousand requests leave no reply counted and no timer", async () => {
  const signals: Exchange[] = [];
  const server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, async (exchange) => {
    if (signals.length < 10) signals.push(exchange);
    exchange.reply(200, {}, exchange.path === "/big" ? new Uint8Array(200_000) : new Uint8Array(10));
  });
  const session = connect(`https://127.0.0.1:${server.port}`, { ca: ca.certificate });
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  for (let round = 0; round < 100; round += 1)
    await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const stream = session.request({ ":path": at === 0 ? "/big" : "/" });
        stream.on("error", () => undefined).resume();
        if (at === 0 && round % 2 === 0) stream.destroy();
        else await once(stream, "close");
      }),
    );
  assert.ok(timers() <= before + 1);
  assert.ok(!signals.some(({ isOverdrawn }) => isOverdrawn));
  session.destroy();
  await server.close(0);
});

test("a stream that is begun after its HTTP/1.1 client left is counted by nobody", async () => {
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const server = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, async (exchange) => {
    const gone = once(exchange.signal, "abort");
    asked.resolve();
    await gone;
    exchange.stream(200, {}).end();
    left.resolve();
  });
  const before = queryObjects(ReplyCount, { format: "count" });
  const socket = connectTcp(server.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await asked.promise;
  socket.destroy();
  await left.promise;
  await new Promise(setImmediate);
  assert.equal(queryObjects(ReplyCount, { format: "count" }), before);
  await server.close(0);
});
