/** Floods: frames that cost more than they bring, as hostile clients send them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { raw, rawFields, rawFrame, rawGet, RawHttp2, rawRequest, rawSettings, words } from "#testing/raw-http2.ts";
import { type HttpServer, listen } from "../http-server.ts";
import { type Exchange, httpLimits } from "../http.ts";
import { issue, issueCa } from "../x509.ts";
import { errorCode } from "./errors.ts";
import { floodLimits } from "./floods.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const tls = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });

let server: HttpServer;

async function answer(exchange: Exchange): Promise<void> {
  if (exchange.path === "/open") exchange.stream(200, {});
  else if (exchange.path === "/length") await exchange.body(1_000_000, exchange.signal).catch(() => undefined);
  else exchange.reply(200, {}, utf8("hello"));
}

before(async () => {
  server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, answer);
});
after(() => server.close(0));

/** The first bytes of a request whose body follows. */
function open(streamId: number, path: string): Buffer {
  return rawFrame(raw.headers, streamId, { flags: raw.endHeaders, payload: rawRequest("POST", path) });
}

const repeat = (frame: Uint8Array, times: number): Buffer => Buffer.concat(Array.from({ length: times }, () => frame));
const window = (streamId: number, sizeBytes: number): Buffer =>
  rawFrame(raw.windowUpdate, streamId, { payload: words(sizeBytes) });
const reset = (streamId: number): Buffer => rawFrame(raw.resetStream, streamId, { payload: words(errorCode.cancel) });
const priority = rawFrame(raw.priority, 1, { payload: Buffer.alloc(5) });
const ping = rawFrame(raw.ping, 0, { payload: Buffer.alloc(8) });

const floods: Readonly<Record<string, { readonly frames: () => Buffer; readonly words: RegExp }>> = {
  "streams that are opened and reset at once": {
    frames: () => {
      const { atOnce } = floodLimits.resets;
      return Buffer.concat(
        Array.from({ length: atOnce * 2 }, (_, at) => [rawGet(at * 2 + 1, "/open"), reset(at * 2 + 1)]).flat(),
      );
    },
    words: /of resets/,
  },
  "streams that the server is made to reset": {
    frames: () => {
      const { atOnce } = floodLimits.resets;
      const one = (at: number): Buffer[] => [open(at * 2 + 1, "/open"), window(at * 2 + 1, 0)];
      return Buffer.concat(Array.from({ length: atOnce * 2 }, (_, at) => one(at)).flat());
    },
    words: /of resets/,
  },
  "requests that are none": {
    frames: () => {
      const bad = (at: number): Buffer =>
        rawFrame(raw.headers, at * 2 + 1, { flags: raw.endHeaders | raw.endStream, payload: Buffer.of(0x82) });
      return Buffer.concat(Array.from({ length: floodLimits.resets.atOnce * 2 }, (_, at) => bad(at)));
    },
    words: /of resets/,
  },
  SETTINGS: { frames: () => repeat(rawSettings([4, 1_000]), floodLimits.settings.atOnce * 2), words: /of settings/ },
  PING: { frames: () => repeat(ping, floodLimits.pings.atOnce * 2), words: /of pings/ },
  PRIORITY: { frames: () => repeat(priority, floodLimits.ignored.atOnce * 2), words: /of ignored/ },
  "frames that nobody knows": {
    frames: () => repeat(rawFrame(0xfe, 7), floodLimits.ignored.atOnce * 2),
    words: /of ignored/,
  },
  WINDOW_UPDATE: {
    frames: () => repeat(window(0, 1), floodLimits.windowUpdates.atOnce * 2),
    words: /of windowUpdates/,
  },
  "empty DATA": {
    frames: () => Buffer.concat([open(1, "/length"), repeat(rawFrame(raw.data, 1), floodLimits.emptyData.atOnce * 2)]),
    words: /of emptyData/,
  },
  "DATA of padding alone": {
    frames: () => {
      const padding = rawFrame(raw.data, 1, { flags: raw.padded, payload: Buffer.of(0) });
      return Buffer.concat([open(1, "/length"), repeat(padding, floodLimits.emptyData.atOnce * 2)]);
    },
    words: /of emptyData/,
  },
  "empty CONTINUATION": {
    frames: () =>
      Buffer.concat([rawFrame(raw.headers, 1), repeat(rawFrame(raw.continuation, 1), httpLimits.headerFrames)]),
    words: /header block/,
  },
  "CONTINUATION without an end": {
    frames: () => {
      const payload = rawFields(["x", "y".repeat(16_000)]);
      return Buffer.concat([
        rawFrame(raw.headers, 1, { payload }),
        repeat(rawFrame(raw.continuation, 1, { payload }), 9),
      ]);
    },
    words: /header block/,
  },
};

for (const [name, flood] of Object.entries(floods))
  test(`a flood of ${name} ends the connection, and no other one`, async () => {
    const other = await RawHttp2.connect(server.port);
    const client = await RawHttp2.connect(server.port);
    client.send(flood.frames());
    const { code, why } = await client.goAway();
    assert.equal(code, errorCode.enhanceYourCalm);
    assert.match(why, flood.words);
    await client.closed;
    other.send(rawGet(1, "/"));
    assert.equal((await other.bodyOf(1)).toString(), "hello");
    other.socket.destroy();
  });

test("as many of each as a busy client sends are no flood", async () => {
  const client = await RawHttp2.connect(server.port);
  client.send(repeat(ping, 900), repeat(window(0, 1_000), 10_000), repeat(rawSettings(), 90), repeat(priority, 1_900));
  for (let at = 0; at < 2_000; at += 1) client.send(rawGet(at * 2 + 1, "/"), reset(at * 2 + 1));
  client.send(rawGet(9_001, "/"));
  assert.equal((await client.bodyOf(9_001)).toString(), "hello");
  client.socket.destroy();
});
