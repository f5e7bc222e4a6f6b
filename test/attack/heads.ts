/** Hostile clients below HTTP: heads and frames that no library sends. */
import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import type { Target } from "../bench/h2-client.ts";
import type { AttackOutcome } from "./observed.ts";

export type HeadAttack = (target: Target) => Promise<AttackOutcome>;

async function dial({ url, ca }: Target, protocol: "h2" | "http/1.1"): Promise<TLSSocket> {
  const { hostname, port } = new URL(url);
  const trust = ca === undefined ? {} : { ca };
  const socket = connect({ host: hostname, port: Number(port), ALPNProtocols: [protocol], ...trust });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

/** What the server answers to text, up to its first line's end. */
async function said(target: Target, text: string): Promise<string> {
  const socket = await dial(target, "http/1.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
  socket.write(text, "latin1");
  await goesOn(socket, "close");
  socket.destroy();
  return answer.split("\r\n")[0] || "nothing";
}

/** Resolves with the event, the end of the connection, or a second later. */
async function goesOn(socket: TLSSocket, event: "drain" | "close"): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, 1_000);
  socket.once(event, resolve);
  socket.once("close", resolve);
  await promise;
  clearTimeout(timer);
  socket.off(event, resolve);
  socket.off("close", resolve);
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(type === 1 || type === 9 || type === 3 ? 1 : 0, 5);
  return Buffer.concat([head, payload]);
}

const settings = frame(4, 0, new Uint8Array());

/** Sends one frame many times on several connections. */
function flood(each: () => Buffer, count: number): HeadAttack {
  return async (target) => {
    const sockets = await Promise.all(Array.from({ length: 4 }, () => dial(target, "h2")));
    let cut = 0;
    for (const socket of sockets) {
      if (socket.destroyed) cut += 1;
      else socket.once("close", () => (cut += 1));
      socket.resume();
      socket.write(preface);
      socket.write(settings);
      const frames = Buffer.concat(Array.from({ length: 500 }, each));
      for (let sent = 0; sent < count && !socket.destroyed; sent += 500) {
        if (!socket.write(frames)) await goesOn(socket, "drain");
      }
    }
    await sleep(500);
    for (const socket of sockets) socket.destroy();
    return { outcome: `${cut} of ${sockets.length} connections cut`, broken: false };
  };
}

// A literal header that enters the table: x: 4,000 bytes.
const largeHeader = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4_000, 0x61)]);

export const hostileHeads: Readonly<Record<string, HeadAttack>> = {
  "heads that no library sends": async (target) => {
    const heads = [
      "GET / HTTP/1.1\r\n\r\n",
      "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
      `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(20_000)}\r\n`,
      "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
      "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
      "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: __proto__\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01".repeat(1_000),
    ];
    const answers = await Promise.all(heads.map((head) => said(target, head)));
    const server = answers.some((answer) => / 5\d\d /.test(answer));
    return { outcome: [...new Set(answers)].join(", "), broken: server };
  },
  "settings frames": flood(() => settings, 50_000),
  "ping frames": flood(() => frame(6, 0, new Uint8Array(8)), 50_000),
  "reset frames": flood(() => frame(3, 0, new Uint8Array(4)), 20_000),
  "continuation frames": flood(() => Buffer.concat([frame(1, 1, largeHeader), frame(9, 0, largeHeader)]), 5_000),
  "window updates of nothing": flood(() => frame(8, 0, Buffer.from([0, 0, 0, 1])), 50_000),
  "half-open connections": async (target) => {
    const { hostname, port } = new URL(target.url);
    const sockets = Array.from({ length: 1_000 }, () =>
      connectPlain(Number(port), hostname).on("error", () => undefined),
    );
    await sleep(2_000);
    const open = sockets.filter(({ destroyed }) => !destroyed).length;
    for (const socket of sockets) socket.destroy();
    return { outcome: `${open} of ${sockets.length} left open for 2 s`, broken: false };
  },
};
