import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { GrpcClient, grpcStatus } from "./grpc.ts";

const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), "kedge-grpc-"));
const socket = join(folder, "socket");
const client = new GrpcClient(socket);
let server: Http2Server;
let canceled = Promise.withResolvers<number>();

function framed(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(text.length, 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

/** Sends the pieces, each in a frame of its own, and then the status. */
function answer(stream: ServerHttp2Stream, pieces: readonly Uint8Array[], status: Record<string, string>): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(status));
  for (const piece of pieces) stream.write(piece);
  stream.end();
}

const methods: Readonly<Record<string, (stream: ServerHttp2Stream, request: Buffer) => void>> = {
  "/echo": (stream, request) => answer(stream, [request.subarray(0, 3), request.subarray(3)], { "grpc-status": "0" }),
  "/two": (stream) => {
    const both = Buffer.concat([framed("one"), framed("two"), framed("")]);
    answer(stream, [both.subarray(0, 10), both.subarray(10)], { "grpc-status": "0" });
  },
  "/refused": (stream) => answer(stream, [], { "grpc-status": "5", "grpc-message": "no%20such%20pod" }),
  "/refused-at-once": (stream) => {
    stream.respond({ ":status": 200, "grpc-status": "12", "grpc-message": "no 100% match" }, { endStream: true });
  },
  "/endless": (stream) => {
    stream.respond({ ":status": 200 });
    stream.write(framed("first"));
    stream.on("close", () => canceled.resolve(stream.rstCode));
  },
};

before(async () => {
  server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => undefined);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => methods[String(headers[":path"])]?.(stream, Buffer.concat(chunks)));
  });
  server.listen(socket);
  await once(server, "listening");
});

after(() => {
  client[Symbol.dispose]();
  server.close();
  rmSync(folder, { recursive: true });
});

test("an answer that comes in pieces is put together, and one piece with several answers is cut", async () => {
  assert.equal(String(await client.unary("/echo", Buffer.from("hello"), never)), "hello");
  const answers: string[] = [];
  for await (const message of client.stream("/two", Buffer.alloc(0), never)) answers.push(String(message));
  assert.deepEqual(answers, ["one", "two", ""]);
});

test("a refusal carries the server's code and words", async () => {
  const refused = client.unary("/refused", Buffer.alloc(0), never);
  await assert.rejects(refused, { name: "GrpcError", code: grpcStatus.notFound, message: "no such pod" });
  const atOnce = client.unary("/refused-at-once", Buffer.alloc(0), never);
  await assert.rejects(atOnce, { code: grpcStatus.unimplemented, message: "no 100% match" });
});

test("aborting, and leaving the iteration, cancel the call at the server", async () => {
  const life = new AbortController();
  const reading = (async () => {
    for await (const message of client.stream("/endless", Buffer.alloc(0), life.signal)) {
      assert.equal(String(message), "first");
      life.abort(new Error("enough"));
    }
  })();
  await assert.rejects(reading, { message: "enough" });
  assert.equal(await canceled.promise, 8);

  canceled = Promise.withResolvers();
  for await (const message of client.stream("/endless", Buffer.alloc(0), never)) {
    assert.equal(String(message), "first");
    break;
  }
  assert.equal(await canceled.promise, 8);
});

test("without a server the call is unavailable, and the next one connects anew", async () => {
  using nowhere = new GrpcClient(join(folder, "none"));
  await assert.rejects(nowhere.unary("/echo", Buffer.alloc(0), never), {
    code: grpcStatus.unavailable,
    message: /none.*ENOENT/,
  });
  await assert.rejects(nowhere.unary("/echo", Buffer.alloc(0), never), { code: grpcStatus.unavailable });
});
