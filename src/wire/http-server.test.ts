import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { gunzipSync } from "node:zlib";
import { textOf, utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { HttpClient } from "./http-client.ts";
import { type HttpServer, listen } from "./http-server.ts";
import { BodyTooLargeError, type Exchange, httpLimits } from "./http.ts";
import { type CertifiedKey, issue, issueCa } from "./x509.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const serverCa = issueCa({ commonName: "server-ca", ...life });
const clientCa = issueCa({ commonName: "client-ca", ...life });
const names = ["localhost", "127.0.0.1"];
const serving = (commonName: string): CertifiedKey =>
  issue(serverCa, { commonName, usages: ["server"], names, ...life });
const admin = issue(clientCa, { commonName: "admin", organizations: ["a", "b"], usages: ["client"], ...life });
const stranger = issue(serverCa, { commonName: "admin", usages: ["client"], ...life });

const big = Array.from({ length: 10_000 }, (_, at) => utf8(`{"item":${at},"padding":"${"x".repeat(50)}"}\n`));

let server: HttpServer;
let url: string;
// What the handler does next is a test's business.
let gone: PromiseWithResolvers<void>;

async function answer(exchange: Exchange): Promise<void> {
  switch (exchange.path) {
    case "/echo": {
      const bytes = await exchange.body(100, AbortSignal.timeout(5_000));
      const facts = [exchange.protocol, exchange.method, exchange.query, textOf(bytes), exchange.remoteAddress];
      exchange.reply(200, { "content-type": "text/plain", "x-many": ["a", "b"] }, utf8(facts.join(" ")));
      return;
    }
    case "/who": {
      const peer = exchange.peerCertificate();
      const who = peer
        ? `${peer.commonName} ${peer.organizations.join()}`
        : (exchange.peerCertificateRefusal() ?? "nobody");
      exchange.reply(200, {}, utf8(who));
      return;
    }
    case "/big":
      exchange.reply(200, {}, big);
      return;
    case "/watch": {
      exchange.signal.addEventListener("abort", () => gone.resolve());
      const stream = exchange.stream(200, {});
      stream.write(utf8("one "));
      stream.write(utf8("two "));
      setImmediate(() => {
        stream.write(utf8("three"));
        if (exchange.query === "end") stream.end();
        if (exchange.query === "reset") stream.reset();
      });
      return;
    }
    case "/flood": {
      const stream = exchange.stream(200, {});
      const block = new Uint8Array(64 * 1024);
      let blocks = 1;
      while (stream.write(block)) blocks += 1;
      assert.ok(stream.bufferedBytes >= httpLimits.pieceBytes);
      await stream.drained();
      stream.write(utf8(`after ${blocks}`));
      stream.end();
      return;
    }
    case "/upgrade": {
      const socket = exchange.upgrade?.switchProtocols({ connection: "Upgrade", upgrade: "SPDY/3.1" });
      socket?.on("data", (bytes: Buffer) => socket.write(`<${bytes.toString()}>`));
      return;
    }
    case "/fail":
      throw new Error("as asked");
    default:
      exchange.reply(404, {}, utf8("not here"));
  }
}

async function handler(exchange: Exchange): Promise<void> {
  try {
    await answer(exchange);
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    exchange.reply(413, {}, utf8(error.message));
  }
}

before(async () => {
  gone = Promise.withResolvers();
  const tls = { ...serving("first"), clientCa: clientCa.certificate };
  server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, handler);
  url = `https://127.0.0.1:${server.port}`;
});
after(() => server.close(0));

const signal = AbortSignal.timeout(20_000);

function client(protocol: "h1" | "h2", credentials?: CertifiedKey): HttpClient {
  const options = { url, protocol, ca: serverCa.certificate };
  return new HttpClient(credentials ? { ...options, credentials: () => credentials } : options);
}

async function get(from: HttpClient, target: string, headers: Record<string, string> = {}): Promise<string> {
  const reply = await from.request({ method: "GET", target, headers, signal });
  return textOf(await reply.bytes(10_000_000));
}

for (const protocol of ["h1", "h2"] as const) {
  test(`${protocol}: a request arrives whole and its reply comes back`, async () => {
    const from = client(protocol);
    const request = { method: "POST", target: "/echo?a=1&b=%20", body: utf8("hello"), signal };
    const reply = await from.request(request);
    assert.equal(reply.status, 200);
    assert.equal(reply.headers["content-type"], "text/plain");
    assert.equal(reply.headers["x-many"], "a, b");
    assert.equal(textOf(await reply.bytes(1000)), `${protocol} POST a=1&b=%20 hello 127.0.0.1`);
    assert.equal(await get(from, "/echo"), `${protocol} GET   127.0.0.1`);
    const head = await from.request({ method: "HEAD", target: "/big", signal });
    assert.deepEqual(
      [head.headers["content-length"], (await head.bytes(1)).length],
      [String(Buffer.concat(big).length), 0],
    );
    from.close();
  });

  test(`${protocol}: a body beyond its limit is refused, announced or not, and the client hears of it`, async () => {
    const from = client(protocol);
    const { Readable } = await import("node:stream");
    const pieces = (): Iterable<Uint8Array> => Array.from({ length: 50 }, () => new Uint8Array(10_000));
    for (const body of [new Uint8Array(101), Readable.from(pieces())]) {
      const reply = await from.request({ method: "POST", target: "/echo", body, signal });
      assert.equal(reply.status, 413);
      assert.match(textOf(await reply.bytes(1000)), /at most 100 bytes/);
    }
    from.close();
  });

  test(`${protocol}: a client certificate counts only when the client CA signed it`, async () => {
    const cases = [
      [client(protocol, admin), /^admin a,b$/],
      [client(protocol), /^nobody$/],
      [client(protocol, stranger), /^(?:SELF_SIGNED|UNABLE)/],
    ] as const;
    for (const [from, who] of cases) {
      assert.match(await get(from, "/who"), who);
      // A second request of the connection and a resumed TLS session must say the same.
      assert.match(await get(from, "/who"), who);
      from.close();
    }
  });

  test(`${protocol}: many small parts arrive as one body`, async () => {
    const from = client(protocol);
    assert.equal(await get(from, "/big"), Buffer.concat(big).toString());
    from.close();
  });

  test(`${protocol}: a stream arrives piece by piece, and a client that leaves is noticed`, async () => {
    const from = client(protocol);
    assert.equal(await get(from, "/watch?end"), "one two three");
    const abort = new AbortController();
    const reply = await from.request({ method: "GET", target: "/watch", signal: abort.signal });
    const [first] = await once(reply.body, "data");
    assert.match(String(first), /^one two /);
    gone = Promise.withResolvers();
    abort.abort();
    await gone.promise;
    from.close();
  });

  test(`${protocol}: a stream that is reset does not look complete`, async () => {
    const from = client(protocol);
    await assert.rejects(get(from, "/watch?reset"));
    from.close();
  });

  test(`${protocol}: a writer is told when the client does not keep up`, async () => {
    const from = client(protocol);
    const reply = await from.request({ method: "GET", target: "/flood", signal });
    assert.match(Buffer.from(await reply.bytes(100_000_000)).toString(), /after \d+$/);
    from.close();
  });

  test(`${protocol}: a handler that fails answers 500`, async () => {
    const from = client(protocol);
    const reply = await from.request({ method: "GET", target: "/fail", signal });
    assert.equal(reply.status, 500);
    reply.body.destroy();
    from.close();
  });
}

test("requests of HTTP/1.1 may be pipelined, wait for 100 Continue, and close the connection", async () => {
  const socket = connectTls({ host: "127.0.0.1", port: server.port, ca: serverCa.certificate });
  const head = "Host: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  socket.write(`GET /none HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\n${head}`);
  let text = "";
  for await (const bytes of socket) {
    text += String(bytes);
    if (text.includes("100 Continue") && !text.includes("h1 POST")) {
      socket.write("hiGET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
  }
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  assert.deepEqual(statuses, ["404", "100", "200", "404"]);
  assert.match(text, /h1 POST {2}hi/);
});

async function raw(head: string): Promise<string> {
  const socket = connectTls({ host: "127.0.0.1", port: server.port, ca: serverCa.certificate });
  socket.write(`${head}Connection: close\r\n\r\n`);
  let text = "";
  for await (const bytes of socket) text += String(bytes);
  return text;
}

test("a request that names two hosts, or none in HTTP/1.1, is refused", async () => {
  for (const hosts of ["Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n", ""])
    assert.match(await raw(`GET /who HTTP/1.1\r\n${hosts}`), /^HTTP\/1\.1 400 /);
  assert.match(await raw("GET /who HTTP/1.1\r\nHost: a\r\nHost: b\r\nUpgrade: SPDY/3.1\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await raw("GET /who HTTP/1.0\r\n"), /^HTTP\/1\.1 200 /);
});

test("a request that names the whole URL is one to its path", async () => {
  for (const url of ["https://a/who", "HTTP://b:1?x", "http://c/echo?q"])
    assert.match(
      await raw(`GET ${url} HTTP/1.1\r\nHost: a\r\n`),
      url.includes("?x") ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 200 /,
    );
});

test("an upgrade hands the connection over; an unknown one, or a refused one, is an ordinary request", async () => {
  const from = client("h1");
  const upgrade = (target: string, protocol: string) =>
    from.upgrade({ method: "POST", target, headers: { upgrade: protocol }, signal });
  const switched = await upgrade("/upgrade", "SPDY/3.1");
  assert.ok(switched.kind === "switched");
  switched.socket.write("ping");
  const [bytes] = await once(switched.socket, "data");
  assert.equal(String(bytes), "<ping>");
  switched.socket.destroy();
  for (const protocol of ["SPDY/3.1", "h2c"]) {
    const refused = await upgrade("/none", protocol);
    assert.ok(refused.kind === "refused");
    assert.equal(refused.reply.status, 404);
    assert.equal(textOf(await refused.reply.bytes(100)), "not here");
  }
  from.close();
});

test("a large reply is compressed for a remote client that takes gzip, not for this machine", async () => {
  const { pays, send } = await import("./http/outgoing.ts");
  const question = { headers: {}, sizeBytes: 200_000, acceptEncoding: "br, gzip", loopback: false };
  assert.ok(pays(question));
  assert.ok(!pays({ ...question, loopback: true }));
  assert.ok(!pays({ ...question, sizeBytes: 128 * 1024 }));
  assert.ok(!pays({ ...question, acceptEncoding: "gzip;q=0" }));
  assert.ok(!pays({ ...question, acceptEncoding: undefined }));
  const { PassThrough } = await import("node:stream");
  const through = new PassThrough();
  send(through, big, true);
  const chunks = await through.toArray();
  assert.deepEqual(gunzipSync(Buffer.concat(chunks)), Buffer.concat(big));
});

test("a replaced certificate serves new connections while old ones stay", async () => {
  const from = client("h2");
  await get(from, "/none");
  server.replaceTls({ ...serving("second"), clientCa: clientCa.certificate });
  const socket = connectTls({ host: "127.0.0.1", port: server.port, ca: serverCa.certificate });
  await once(socket, "secureConnect");
  assert.equal(socket.getPeerCertificate().subject.CN, "second");
  socket.destroy();
  assert.equal(await get(from, "/none"), "not here");
  assert.match(await get(client("h2", admin), "/who"), /^admin/);
  from.close();
});

test("a port in use is one clear sentence", async () => {
  await assert.rejects(listen({ host: "127.0.0.1", port: server.port, log: silentLog }, handler), {
    message: `expected to listen on 127.0.0.1 port ${server.port}, found that another process listens there; stop it or choose another port`,
  });
});

test("a port without TLS answers HTTP/1.1, and garbage with 400", async () => {
  const plain = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, handler);
  const from = new HttpClient({ url: `http://127.0.0.1:${plain.port}`, protocol: "h1" });
  assert.equal(await get(from, "/who"), "nobody");
  const socket = connectTcp(plain.port, "127.0.0.1");
  socket.write("\u0016\u0003garbage\r\n\r\n");
  const [bytes] = await once(socket, "data");
  assert.match(String(bytes), /^HTTP\/1.1 400/);
  socket.destroy();
  from.close();
  await plain.close(0);
});

test("a client that cannot reach or trust the server says which request failed and why", async () => {
  for (const protocol of ["h1", "h2"] as const) {
    const untrusting = new HttpClient({ url, protocol, ca: clientCa.certificate });
    await assert.rejects(get(untrusting, "/none"), (error: Error) => {
      assert.equal(error.message, `GET ${url}/none`);
      assert.match(String(error.cause), /certificate/);
      return true;
    });
    untrusting.close();
    const nobody = new HttpClient({ url: "https://127.0.0.1:21099", protocol });
    await assert.rejects(get(nobody, "/none"), (error: Error) => /ECONNREFUSED/.test(String(error.cause)));
  }
});
