/** Servers that mean harm to who asks them: each request ends, and costs no more than a named limit. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { after, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { HttpClient, type HttpClientOptions } from "./http-client.ts";
import { relay } from "./http-relay.ts";
import { listen } from "./http-server.ts";

const servers: Server[] = [];
const clients: HttpClient[] = [];
const sockets = new Set<Socket>();
const signal = AbortSignal.timeout(60_000);
after(() => {
  for (const client of clients) client.close();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

/** A client of a server that does this with each connection once it was asked something. */
async function clientOf(
  act: (socket: Socket) => void,
  more: Partial<HttpClientOptions> = {},
): Promise<{ readonly client: HttpClient; readonly port: number; readonly asked: () => number }> {
  let asked = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => {
      asked += 1;
      act(socket);
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient({ url: `http://127.0.0.1:${port}`, protocol: "h1", ...more });
  clients.push(client);
  return { client, port, asked: () => asked };
}

const get = { method: "GET", target: "/", signal } as const;
const causeOf = (pattern: RegExp) => (error: unknown) =>
  error instanceof Error &&
  error.cause instanceof Error &&
  pattern.test(`${error.cause.message} ${String((error.cause as { code?: unknown }).code)}`);

/** Writes the same for as long as somebody takes it. */
function flood(socket: Socket, text: string): void {
  const write = (): void => {
    while (!socket.destroyed && socket.write(text));
    socket.once("drain", write);
  };
  write();
}

const mischief: Readonly<Record<string, readonly [(socket: Socket) => void, RegExp]>> = {
  "interim replies without end": [(socket) => flood(socket, "HTTP/1.1 103 Early\r\n\r\n"), /at most 16 interim/],
  "headers without end": [
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      flood(socket, `a: ${"b".repeat(1_000)}\r\n`);
    },
    /HPE_HEADER_OVERFLOW/,
  ],
  "a change of protocol that nobody asked for": [
    (socket) => socket.write("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: spdy/3.1\r\n\r\n"),
    /expected a reply, found a change of protocol that was not asked for/,
  ],
  "no HTTP at all": [(socket) => socket.write("\0\0\0\0"), /HPE_/],
  "its silence, and goes": [(socket) => socket.end(), /hang up|ECONNRESET/],
};

for (const [what, [act, why]] of Object.entries(mischief))
  test(`a server that answers with ${what} ends the request with an error`, { timeout: 20_000 }, async () => {
    // With a limit on its patience and without one, the client keeps nothing of it.
    for (const more of [{}, { headMs: 10_000 }]) {
      const closed = Promise.withResolvers<void>();
      const { client } = await clientOf((socket) => {
        socket.once("close", () => closed.resolve());
        act(socket);
      }, more);
      await assert.rejects(client.request(get), causeOf(why));
      await closed.promise;
    }
  });

test(
  "a server that says nothing is given up, before TLS stands and after it was asked",
  { timeout: 20_000 },
  async () => {
    const asking = await clientOf(() => undefined, { headMs: 50 });
    await assert.rejects(asking.client.request(get), causeOf(/head of a reply within 0\.05 s/));
    await assert.rejects(asking.client.upgrade(get), causeOf(/head of a reply within 0\.05 s/));
    const url = `https://127.0.0.1:${asking.port}`;
    for (const protocol of ["h1", "h2"] as const) {
      const dialling = new HttpClient({ url, protocol, insecure: true, dialMs: 50 });
      clients.push(dialling);
      await assert.rejects(dialling.request(get), causeOf(/expected a connection in time/));
    }
  },
);

for (const status of ["302 Found", "200 OK", "204 No Content"])
  test(`a session that is answered with ${status} is none, and leads its client nowhere (CVE-2020-8559)`, async () => {
    const { client, asked } = await clientOf((socket) =>
      socket.end(`HTTP/1.1 ${status}\r\nlocation: https://127.0.0.1:6443/api/v1/secrets\r\ncontent-length: 0\r\n\r\n`),
    );
    const seen: string[] = [];
    const front = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, async (exchange) => {
      await relay(exchange, { client, target: "/exec", headers: {} }).catch((error: unknown) => {
        seen.push(String(error));
        exchange.reply(503, {}, new Uint8Array());
      });
    });
    const user = new HttpClient({ url: `http://127.0.0.1:${front.port}`, protocol: "h1" });
    clients.push(user);
    const answer = await user.upgrade({ ...get, headers: { upgrade: "websocket" } });
    assert.ok(answer.kind === "refused");
    assert.deepEqual([answer.reply.status, answer.reply.headers.location, asked()], [503, undefined, 1]);
    assert.match(seen.join(), /invalid upgrade response: status code \d+/);
    answer.reply.body.resume();
    await front.close(0);
  });

test("a hundred replies that never end keep nobody else from asking the same server", { timeout: 20_000 }, async () => {
  const { client } = await clientOf((socket) => socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
  const replies = await Promise.all(Array.from({ length: 100 }, () => client.request(get)));
  assert.equal(replies.length, 100);
  for (const { body } of replies) body.destroy();
});
