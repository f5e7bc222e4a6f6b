import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair, type Duplex } from "node:stream";
import { test } from "node:test";
import { constants, deflateSync } from "node:zlib";
import * as fc from "fast-check";
import { SpdyConnection, type SpdyStream } from "./spdy.ts";
import { spdyDictionary } from "./spdy/dictionary.ts";
import { HeaderReader } from "./spdy/headers.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

function pair(): { client: SpdyConnection; server: SpdyConnection; streams: SpdyStream[] } {
  const [one, other] = duplexPair();
  const client = new SpdyConnection(one, "client");
  const server = new SpdyConnection(other, "server");
  const streams: SpdyStream[] = [];
  server.onStream = (stream) => streams.push(stream);
  return { client, server, streams };
}

async function text(stream: Duplex): Promise<string> {
  let all = "";
  // Node's plain iterator would destroy the stream, although our side may still write.
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) all += String(chunk);
  return all;
}

test("a stream is opened, written and closed with the bytes of the specification", async () => {
  const [one, other] = duplexPair();
  const written: Buffer[] = [];
  other.on("data", (bytes: Buffer) => written.push(bytes));
  const stream = new SpdyConnection(one, "client").open({ streamtype: "error" });
  stream.end("hi");
  await once(stream, "finish");
  const expected = hex(`
    80030001 00000031 00000001 00000000 0000
    7801 00 1b00 e4ff 00000001 0000000a 73747265616d74797065 00000005 6572726f72
    00 0000 ffff
    00000001 00000002 6869
    00000001 01000000`);
  while (Buffer.concat(written).length < expected.length) await new Promise(setImmediate);
  assert.equal(Buffer.concat(written).toString("hex"), expected.toString("hex"));
});

test("headers compressed with the dictionary are read, block after block of one stream", async () => {
  assert.equal(spdyDictionary().length, 1423);
  const { createDeflate } = await import("node:zlib");
  const deflate = createDeflate({ dictionary: spdyDictionary(), flush: constants.Z_SYNC_FLUSH });
  const reader = new HeaderReader();
  for (const port of ["8080", "8081"]) {
    deflate.write(hex(`00000002 00000004 706f7274 00000004 ${Buffer.from(port).toString("hex")} 00000001 41 00000000`));
    await once(deflate, "readable");
    assert.deepEqual(await reader.read(deflate.read()), { port, a: "" });
  }
  await assert.rejects(reader.read(Buffer.from("garbage")));
});

test("header blocks that grow without end are refused", async () => {
  const bomb = deflateSync(Buffer.alloc(10_000_000), { dictionary: spdyDictionary() });
  await assert.rejects(new HeaderReader().read(bomb), /at most 65536 bytes/);
});

test("each side ends its own direction", async () => {
  const { client, streams } = pair();
  const asked = client.open({ streamtype: "data" });
  asked.end("question");
  while (streams.length === 0) await new Promise(setImmediate);
  const [answering] = streams;
  assert.ok(answering);
  assert.equal(await text(answering), "question");
  answering.write("ans");
  answering.end("wer");
  assert.equal(await text(asked), "answer");
  client.close();
});

test("a reset ends the peer's stream, and the connection's end all that are open", async () => {
  const { client, server, streams } = pair();
  const first = client.open({});
  const second = client.open({});
  while (streams.length < 2) await new Promise(setImmediate);
  streams[0]?.write("last words");
  streams[0]?.destroy();
  assert.equal(await text(first), "last words");
  second.write("x");
  client.close();
  assert.equal(await text(streams[1] as Duplex), "x");
  await server.closed;
});

test("a reader that is slow holds the writer back, and nothing is lost", async () => {
  const { client, streams } = pair();
  const writer = client.open({});
  const block = Buffer.alloc(300_000, "b");
  let accepted = 0;
  const writing = (async () => {
    for (let left = 30; left > 0; left -= 1) {
      if (!writer.write(block)) await once(writer, "drain");
      accepted += 1;
    }
    writer.end();
  })();
  while (streams.length === 0) await new Promise(setImmediate);
  for (let turns = 0; turns < 200; turns += 1) await new Promise(setImmediate);
  assert.ok(accepted < 10, `${accepted} blocks were accepted`);
  const [reader] = streams;
  assert.ok(reader);
  assert.equal((await text(reader)).length, 30 * block.length);
  await writing;
  client.close();
});

test("pings are echoed, frames of other kinds passed over, and broken ones end the connection", async () => {
  const [one, other] = duplexPair();
  const server = new SpdyConnection(one, "server");
  other.write(hex("80030004 0000000c 00000001 00000007 00010000 80030009 00000008 00000000 00010000"));
  other.write(hex("80030006 00000004 00000001"));
  await once(other, "readable");
  assert.equal(other.read().toString("hex"), "800300060000000400000001");
  other.write(hex("80020001 00000000"));
  await server.closed;
});

test("whatever bytes come, a connection ends without harm", async () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    // A control frame of a known kind with any body.
    fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.uint8Array({ maxLength: 40 }))
      .map(([type, body]) => Buffer.concat([Buffer.from([0x80, 3, 0, type, 0, 0, 0, body.length]), body])),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 5 }), async (frames) => {
      const [one, other] = duplexPair();
      const server = new SpdyConnection(one, "server");
      other.resume();
      for (const bytes of frames) other.write(bytes);
      other.end();
      await server.closed;
    }),
    { numRuns: 300 },
  );
});
