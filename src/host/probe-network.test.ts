/** Questions to servers that belong to strangers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { askGrpcHealth } from "./probe-network.ts";

test("a health check's answer that does not end is refused, not kept", async () => {
  const server = createServer();
  let written = 0;
  server.on("sessionError", () => undefined);
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => undefined);
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    const chunk = Buffer.alloc(16 * 1024);
    const more = (): void => {
      written += chunk.length;
      // Ends after 64 MiB, so that a client that keeps everything does not end the machine.
      if (written > 64 * 1024 * 1024) stream.close();
      else if (stream.write(chunk)) setImmediate(more);
      else stream.once("drain", more);
    };
    more();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const target = { host: "127.0.0.1", port: address.port, service: "", timeoutMs: 30_000 };
  await assert.rejects(askGrpcHealth(target, new AbortController().signal), {
    message: "expected a health check's answer of at most 4096 bytes, found more",
  });
  server.close();
});
