import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { textOf, utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { HttpClient } from "./http-client.ts";
import { relay } from "./http-relay.ts";
import { type HttpServer, listen } from "./http-server.ts";
import type { Exchange } from "./http.ts";
import { issue, issueCa } from "./x509.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const serving = issue(ca, { commonName: "s", usages: ["server"], names: ["backend.internal", "127.0.0.1"], ...life });
const big = Buffer.alloc(5_000_000, "b");
const signal = AbortSignal.timeout(20_000);

let backend: HttpServer;
let front: HttpServer;
let tunnelled: HttpClient;
const clients: HttpClient[] = [];

async function answerBackend(exchange: Exchange): Promise<void> {
  if (exchange.upgrade && exchange.path === "/upgrade") {
    const socket = exchange.upgrade.switchProtocols({ connection: "Upgrade", upgrade: "websocket", "x-seen": "yes" });
    socket.on("data", (bytes: Buffer) => socket.write(`<${bytes.toString()}>`));
    return;
  }
  if (exchange.path === "/big") return exchange.reply(200, {}, big);
  if (exchange.path === "/broken") {
    const stream = exchange.stream(200, {});
    stream.write(utf8("half"));
    await new Promise(setImmediate);
    stream.reset();
    return;
  }
  const body = textOf(await exchange.body(1000, signal));
  const seen = [exchange.method, exchange.target, body, exchange.header("x-user"), exchange.header("authorization")];
  exchange.reply(201, { "x-from": "backend", "set-cookie": ["a", "b"] }, utf8(seen.join("|")));
}

before(async () => {
  const tls = { ...serving };
  backend = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, answerBackend);
  // A server that is reached by another way than its name says.
  tunnelled = new HttpClient({
    url: "https://backend.internal",
    protocol: "h2",
    ca: ca.certificate,
    tunnel: () => Promise.resolve(connect(backend.port, "127.0.0.1")),
  });
  front = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, (exchange) => {
    const headers = { "x-user": "admin", authorization: undefined };
    const replyHeaders = { replyHeaders: (given: object) => ({ ...given, "x-front": "yes" }) };
    return relay(exchange, {
      client: tunnelled,
      target: exchange.target.replace("/proxy", ""),
      headers,
      asMessages: exchange.path.endsWith("/messages"),
      ...replyHeaders,
    });
  });
});
after(async () => {
  for (const client of [...clients, tunnelled]) client.close();
  await Promise.all([front.close(0), backend.close(0)]);
});

function client(protocol: "h1" | "h2"): HttpClient {
  const url = `https://127.0.0.1:${front.port}`;
  const made = new HttpClient({ url, protocol, ca: ca.certificate, credentials: () => ({ token: "secret" }) });
  clients.push(made);
  return made;
}

for (const protocol of ["h1", "h2"] as const) {
  test(`${protocol}: request and reply pass with their bodies, headers changed as asked`, async () => {
    const from = client(protocol);
    const reply = await from.request({ method: "PUT", target: "/proxy/x?y=%2F", body: utf8("hello"), signal });
    assert.equal(textOf(await reply.bytes(1000)), "PUT|/x?y=%2F|hello|admin|");
    assert.deepEqual([reply.status, reply.headers["x-from"], reply.headers["x-front"]], [201, "backend", "yes"]);
    assert.deepEqual(reply.headers["set-cookie"], ["a", "b"]);
    const empty = await from.request({ method: "DELETE", target: "/proxy/", signal });
    assert.equal(textOf(await empty.bytes(1000)), "DELETE|/||admin|");
    const large = await from.request({ method: "GET", target: "/proxy/big", signal });
    assert.ok(Buffer.from(await large.bytes(big.length)).equals(big));
  });

  test(`${protocol}: a reply that breaks is not passed on as whole`, async () => {
    const reply = await client(protocol).request({ method: "GET", target: "/proxy/broken", signal });
    await assert.rejects(reply.bytes(1000));
  });
}

test("a switched protocol passes both ways, through a tunnel", async () => {
  const reply = await client("h1").upgrade({
    method: "GET",
    target: "/proxy/upgrade",
    headers: { upgrade: "websocket" },
    signal,
  });
  assert.ok(reply.kind === "switched");
  assert.equal(reply.headers["x-seen"], "yes");
  reply.socket.write("ping");
  const [bytes] = await once(reply.socket, "data");
  assert.equal(String(bytes), "<ping>");
  reply.socket.destroy();
});

test("a reply reaches a WebSocket as messages where that is asked for", async () => {
  const headers = {
    upgrade: "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "binary.k8s.io",
  };
  const reply = await client("h1").upgrade({ method: "GET", target: "/proxy/messages", headers, signal });
  assert.ok(reply.kind === "switched");
  assert.equal(reply.headers["sec-websocket-protocol"], "binary.k8s.io");
  const [bytes] = await once(reply.socket, "data");
  // One whole binary message, its length in the second byte; the close follows.
  assert.deepEqual([...bytes.subarray(0, 2), String(bytes.subarray(2, 23))], [0x82, 21, "GET|/messages||admin|"]);
  reply.socket.destroy();
});

test("more requests at once than one connection holds are spread", async () => {
  const from = client("h2");
  const ask = async (): Promise<number> => {
    const reply = await from.request({ method: "GET", target: "/proxy/", signal });
    await reply.bytes(1000);
    return reply.status;
  };
  const statuses = await Promise.all(Array.from({ length: 600 }, ask));
  assert.deepEqual(new Set(statuses), new Set([201]));
});
