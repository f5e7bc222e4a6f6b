import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { rawFields } from "#testing/raw-http2.ts";
import { ConnectionError } from "./errors.ts";
import { type Field, HpackDecoder } from "./hpack-decoder.ts";
import { encodeHead } from "./hpack-encoder.ts";
import { codeLengths, decodeHuffman, huffmanCodes } from "./huffman.ts";
import { staticNames, staticValues } from "./static-table.ts";

type Pair = readonly [name: string, value: string];

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const pairs = (fields: readonly Field[]): Pair[] => fields.map(({ name, value }) => [name, value]);
const decode = (decoder: HpackDecoder, block: Buffer): Pair[] => pairs(decoder.decode(block, 0, block.length).fields);

function encodeHuffman(text: Uint8Array): Buffer {
  const codes = huffmanCodes();
  let bits = "";
  for (const byte of text) bits += (codes[byte] ?? 0).toString(2).padStart(codeLengths[byte] ?? 0, "0");
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

const get: readonly Pair[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const noCache: readonly Pair[] = [...get, ["cache-control", "no-cache"]];
const custom: readonly Pair[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];

test("appendix C.2: each way to write one field is read", () => {
  const cases: readonly (readonly [string, Pair])[] = [
    ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"]],
    ["040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"]],
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"]],
    ["82", [":method", "GET"]],
  ];
  for (const [block, field] of cases) assert.deepEqual(decode(new HpackDecoder(10_000), hex(block)), [field]);
});

test("appendix C.3: requests of one connection are read with its table", () => {
  const decoder = new HpackDecoder(10_000);
  assert.deepEqual(decode(decoder, hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")), get);
  assert.deepEqual(decode(decoder, hex("8286 84be 5808 6e6f 2d63 6163 6865")), noCache);
  const third = hex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65");
  assert.deepEqual(decode(decoder, third), custom);
});

test("appendix C.4: requests in Huffman code are read with their table", () => {
  const decoder = new HpackDecoder(10_000);
  assert.deepEqual(decode(decoder, hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")), get);
  assert.deepEqual(decode(decoder, hex("8286 84be 5886 a8eb 1064 9cbf")), noCache);
  assert.deepEqual(decode(decoder, hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")), custom);
});

test("appendix C.6: a table of 256 bytes forgets its oldest fields", () => {
  const decoder = new HpackDecoder(10_000);
  const redirect: readonly Pair[] = [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ];
  const first =
    "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
  assert.deepEqual(decode(decoder, hex(first)), redirect);
  assert.deepEqual(decode(decoder, hex("4883 640e ffc1 c0bf")), [[":status", "307"], ...redirect.slice(1)]);
  const third =
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
  assert.deepEqual(decode(decoder, hex(third)), [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
    ["location", "https://www.example.com"],
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ]);
  // 222 bytes of 256 are taken: three fields, the newest first.
  assert.deepEqual(
    decode(decoder, hex("bebf c0")).map(([name]) => name),
    ["set-cookie", "content-encoding", "date"],
  );
  assert.throws(() => decode(decoder, hex("c1")), /found 65/);
});

test("the Huffman code is complete, and what it says of each byte is read back", () => {
  const space = codeLengths.reduce((sum, bits) => sum + 2 ** -bits, 0);
  assert.equal(space, 1);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const code = encodeHuffman(bytes);
      const padded = Buffer.concat([Buffer.of(1, 2), code, Buffer.of(3)]);
      assert.deepEqual(Buffer.from(decodeHuffman(padded, 2, 2 + code.length), "latin1"), Buffer.from(bytes));
    }),
  );
});

test("Huffman code with long, wrong or no proper padding, or with its end-of-string, is refused", () => {
  const refused = ["ffff ffff", "00", "1fff", "f8ff", "ff", "ffff fffc", "a8eb 1064 9cbf ff", "a8eb 1064 9cbe"];
  for (const code of refused) assert.throws(() => decodeHuffman(hex(code), 0, hex(code).length), ConnectionError, code);
  assert.equal(decodeHuffman(hex("07"), 0, 1), "0");
  assert.equal(decodeHuffman(hex(""), 0, 0), "");
});

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const value = fc.stringMatching(/^(?:[!-~\xa1-\xff](?:[ -~]{0,200}[!-~])?)?$/);
const refusedNames = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);

test("what is written as a head is read as the same fields", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 999 }), fc.array(fc.tuple(token, fc.array(value))), (code, given) => {
      const headers: Record<string, readonly string[]> = Object.fromEntries(
        given.filter(([name]) => !refusedNames.has(name)),
      );
      const block = encodeHead(code, headers, [["content-length", "12"]]);
      const expected = Object.entries(headers).flatMap(([name, values]) => values.map((one): Pair => [name, one]));
      assert.deepEqual(decode(new HpackDecoder(1_000_000), block), [
        [":status", String(code)],
        ...expected,
        ["content-length", "12"],
      ]);
    }),
  );
});

test("a head leaves out what only HTTP/1.1 has, has its names in lower case and no line ends", () => {
  const headers = { "X-Name": "a\r\nb", Connection: "close", "transfer-encoding": "chunked", "x-far": "→" };
  assert.deepEqual(decode(new HpackDecoder(1_000), encodeHead(200, headers, [])), [
    [":status", "200"],
    ["x-name", "a  b"],
    ["x-far", Buffer.from("→").toString("latin1")],
  ]);
});

/** A sender with a table of its own, which remembers what it is told to. */
function encodeWithTable(table: Pair[], field: Pair, way: "kept" | "plain" | "never" | "number"): Buffer {
  const [name, text] = field;
  const at = table.findIndex(([known, with_]) => known === name && with_ === text);
  if (way === "number" && at >= 0 && at < 60) return Buffer.of(0x80 | (62 + at));
  if (way === "kept") table.unshift(field);
  let size = 0;
  const fits = table.findIndex(([known, with_]) => (size += known.length + with_.length + 32) > 4_096);
  if (fits >= 0) table.length = fits;
  const block = rawFields(field);
  block[0] = way === "kept" ? 0x40 : way === "never" ? 0x10 : 0;
  return block;
}

test("a decoder's table is its sender's, whatever is sent and however often it overflows", () => {
  const way = fc.constantFrom("kept", "plain", "never", "number");
  const step = fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 400 }), way);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const decoder = new HpackDecoder(1_000_000);
      const table: Pair[] = [];
      for (const [name, length, how] of steps) {
        const field: Pair = [name, "v".repeat(length)];
        assert.deepEqual(decode(decoder, encodeWithTable(table, field, how as "kept")), [field]);
      }
    }),
  );
});

test("fields beyond the limit are not kept, and the table is right afterwards", () => {
  const decoder = new HpackDecoder(500);
  const kept = Buffer.concat([Buffer.of(0x40), rawFields(["x-kept", "v".repeat(400)]).subarray(1)]);
  // A bomb: one byte for each further copy.
  const bomb = Buffer.concat([kept, Buffer.alloc(16_000, 0xbe)]);
  const { fields, tooLarge } = decoder.decode(bomb, 0, bomb.length);
  assert.deepEqual([fields.length, tooLarge], [0, true]);
  assert.deepEqual(decode(decoder, hex("be")), [["x-kept", "v".repeat(400)]]);
});

test("a block that is cut short, numbered wrongly, or resizes the table wrongly is refused", () => {
  const refused: readonly string[] = [
    "80", // no field has number 0
    "be", // nothing was kept
    "ff ff ff ff ff 7f", // a number without an end
    "40", // no name
    "40 05 61", // a name cut short
    "40 01 61 7f", // a value's length cut short
    "82 20", // a size after a field
    "3f e2 1f", // a size of 4,097
    "20 20 20", // more sizes than two
  ];
  for (const block of refused) assert.throws(() => decode(new HpackDecoder(1_000), hex(block)), ConnectionError, block);
  assert.deepEqual(decode(new HpackDecoder(1_000), hex("20 3f e1 1f 82")), [[":method", "GET"]]);
});

test("a field with characters that no field may have is marked, wherever it comes from", () => {
  const cases: readonly (readonly [Pair, boolean])[] = [
    [["x-a", "plain"], true],
    [["x-a", ""], true],
    [["X-A", "upper"], false],
    [["", "nameless"], false],
    [["x a", "blank"], false],
    [["x:a", "colon"], false],
    [["x-a", "line\nend"], false],
    [["x-a", "nul\0"], false],
    [["x-a", " padded"], false],
    [["x-a", "padded\t"], false],
  ];
  for (const [field, valid] of cases) {
    const decoder = new HpackDecoder(1_000);
    const kept = Buffer.concat([Buffer.of(0x40), rawFields(field).subarray(1), Buffer.of(0xbe)]);
    const found = decoder.decode(kept, 0, kept.length).fields.map(({ valid: is }) => is);
    assert.deepEqual(found, [valid, valid], JSON.stringify(field));
  }
});

test("the static table is appendix A's", () => {
  assert.equal(staticNames.length, 62);
  assert.deepEqual([staticNames[1], staticNames[61]], [":authority", "www-authenticate"]);
  assert.deepEqual([staticNames[16], staticValues[16]], ["accept-encoding", "gzip, deflate"]);
  assert.deepEqual(encodeHead(404, {}, []), hex("8d"));
  assert.deepEqual(encodeHead(429, {}, []), hex("08 03 343239"));
});
