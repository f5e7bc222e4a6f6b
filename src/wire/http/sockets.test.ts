/** How a listening port ends: what has no end of its own at once, what was asked for when it is answered. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { listen } from "../http-server.ts";
import type { Exchange } from "../http.ts";
import { issue, issueCa } from "../x509.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const tls = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });
// Far beyond what a test may take: none of them waits for the cut.
const graceMs = 600_000;

const asked = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;

async function textOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += bytes.toString()));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

/** Answers one request when `slow` resolves, and all others for as long as the port is open. */
function handlerOf(slow: Promise<void>, begun: () => void): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    begun();
    if (exchange.path === "/slow") {
      await slow;
      exchange.reply(200, {}, utf8("done"));
      return;
    }
    const stream = exchange.stream(200, {});
    exchange.closing.addEventListener("abort", () => stream.end());
  };
}

test("a port that closes ends watches in good order, drops idle connections, and answers what was asked", async () => {
  const slow = Promise.withResolvers<void>();
  const allBegun = Promise.withResolvers<void>();
  let begun = 0;
  const handler = handlerOf(slow.promise, () => {
    begun += 1;
    if (begun === 3) allBegun.resolve();
  });
  const server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, handler);
  const where = { host: "127.0.0.1", port: server.port, ca: ca.certificate };
  const h1 = (text: string): Promise<string> =>
    textOf(
      connectTls(where, function (this: Socket) {
        this.write(text);
      }),
    );
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: ca.certificate });
  const stream = session.request({ ":path": "/watch" }).resume();
  const ended = once(stream, "end");
  const watch = h1(asked("/watch"));
  const request = h1(asked("/slow"));
  const idle = h1("");
  const halfAsked = h1("GET / HTTP/1.1\r\n");
  const mute = connect(server.port, "127.0.0.1");
  const silent = textOf(mute);
  await once(mute, "connect");
  await allBegun.promise;
  const closed = server.close(graceMs);
  await Promise.all([ended, watch, idle, halfAsked, silent]);
  assert.match(await watch, /200 OK[^]*\r\n0\r\n\r\n$/, "the end of the watch is told");
  slow.resolve();
  assert.match(await request, /done$/);
  await closed;
});

test("a request that is never answered is cut when its grace is over, also for whoever closes the port again", async () => {
  const asking = Promise.withResolvers<void>();
  const server = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, () => asking.resolve());
  const socket = connect(server.port, "127.0.0.1");
  const text = textOf(socket);
  socket.write(asked("/"));
  await asking.promise;
  await Promise.all([server.close(10), server.close(graceMs)]);
  assert.equal(await text, "");
});
