/**
 * One of two servers that do next to nothing, so that what is measured is what carries it: the one kedge listens with,
 * or Node's own HTTP/2 with as little around it as can be. Forked by wire.ts; `process.argv[2]` says which.
 */
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { silentLog } from "#base/log.ts";
import { listen, type TlsMaterial } from "#wire/http-server.ts";
import type { Exchange } from "#wire/http.ts";
import { issue, issueCa } from "#wire/x509.ts";

export type WireServer = "own" | "node:http2";

export interface WireAnswer {
  readonly port?: number;
  readonly cpuMs?: number;
}

// As large as a ConfigMap with 512 bytes of data comes back, and as the event that tells of it.
const object = Buffer.alloc(900, "o");
const event = Buffer.alloc(950, "e");
const head = { "content-type": "application/json", "cache-control": "no-cache, private" };

function tlsMaterial(): TlsMaterial {
  const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const ca = issueCa({ commonName: "bench", ...life });
  return issue(ca, { commonName: "bench", usages: ["server"], names: ["127.0.0.1"], ...life });
}

async function serveOwn(): Promise<number> {
  const watchers = new Set<ReturnType<Exchange["stream"]>>();
  const answer = async (exchange: Exchange): Promise<void> => {
    if (exchange.path === "/watch") {
      const stream = exchange.stream(200, head);
      watchers.add(stream);
      stream.signal.addEventListener("abort", () => watchers.delete(stream));
      return;
    }
    if (exchange.method !== "GET") await exchange.body(10_000, exchange.signal);
    if (exchange.method === "PUT") for (const watcher of watchers) watcher.write(event);
    exchange.reply(exchange.method === "POST" ? 201 : 200, head, object);
  };
  const server = await listen({ host: "127.0.0.1", port: 0, tls: tlsMaterial(), log: silentLog }, answer);
  return server.port;
}

function serveNode(): Promise<number> {
  const watchers = new Set<ServerHttp2Stream>();
  const { certificate: cert, key } = tlsMaterial();
  const server = createSecureServer({ cert, key, settings: { maxConcurrentStreams: 250 } });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    const { ":path": path, ":method": method } = headers;
    if (path === "/watch") {
      stream.respond({ ":status": 200, ...head });
      watchers.add(stream);
      stream.once("close", () => watchers.delete(stream));
      return;
    }
    const reply = (): void => {
      if (method === "PUT") for (const watcher of watchers) watcher.write(event);
      stream.respond({ ":status": method === "POST" ? 201 : 200, ...head, "content-length": object.length });
      stream.end(object);
    };
    if (method === "GET") reply();
    else stream.on("data", () => undefined).once("end", reply);
  });
  return new Promise((resolve) => {
    // A server that listens on TCP has an AddressInfo.
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function tell(answer: WireAnswer): void {
  process.send?.(answer);
}

tell({ port: await (process.argv[2] === "own" ? serveOwn() : serveNode()) });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  tell({ cpuMs: (user + system) / 1_000 });
});
process.on("disconnect", () => process.exit(0));
