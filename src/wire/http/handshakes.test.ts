/** Connections that come, and do not go on: others of their address wait a little, those of other addresses not at all. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:https";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { connect as connectTls } from "node:tls";
import { silentLog } from "#base/log.ts";
import { listen } from "../http-server.ts";
import { httpLimits } from "../http.ts";
import { issue, issueCa } from "../x509.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const tls = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });
const host = "127.0.0.1";

interface Place {
  readonly port: number;
  readonly answered: (localAddress: string) => Promise<number | undefined>;
  /** Connections that say nothing. */
  readonly silent: (count: number) => Promise<readonly Socket[]>;
}

async function place(context: TestContext): Promise<Place> {
  const server = await listen({ host, port: 0, tls, log: silentLog }, (exchange) =>
    exchange.reply(200, {}, new Uint8Array()),
  );
  context.after(() => server.close(0));
  const { port } = server;
  const answered = (localAddress: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const asked = get({ host, port, localAddress, ca: ca.certificate, agent: false }, (reply) => {
        reply.resume();
        resolve(reply.statusCode);
      });
      asked.on("error", reject);
    });
  const silent = (count: number): Promise<readonly Socket[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect({ port, host, localAddress: "127.0.0.9" });
        socket.on("error", () => undefined);
        context.after(() => socket.destroy());
        await once(socket, "connect");
        return socket;
      }),
    );
  return { port, answered, silent };
}

test("who says nothing is cut for others of its address that wait, and other addresses do not wait for it", async (context) => {
  const { answered, silent } = await place(context);
  const mute = await silent(httpLimits.handshakesOfAddress + 50);
  assert.equal(await answered("127.0.0.1"), 200);
  assert.ok(mute.every(({ closed }) => !closed));
  const cut = mute.slice(0, httpLimits.handshakesOfAddress).map((socket) => once(socket.resume(), "close"));
  assert.equal(await answered("127.0.0.9"), 200);
  await Promise.all(cut);
  assert.ok(
    mute.slice(httpLimits.handshakesOfAddress).every(({ closed }) => !closed),
    "there is room for the others",
  );
});

test("a crowd of one address is served, and so is who comes after those that left without a word", async (context) => {
  const { port, answered, silent } = await place(context);
  for (const socket of await silent(400)) socket.destroy();
  const secured = Array.from({ length: 400 }, async () => {
    const under = connect({ port, host, localAddress: "127.0.0.9" });
    const socket = connectTls({ socket: under, host, ca: ca.certificate });
    context.after(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket.authorized;
  });
  assert.ok((await Promise.all(secured)).every(Boolean));
  assert.equal(await answered("127.0.0.9"), 200);
});
