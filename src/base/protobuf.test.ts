import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ProtobufError, ProtobufReader, ProtobufWriter } from "./protobuf.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function written(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter(8);
  write(writer);
  return writer.finish();
}

test("the encoding guide's examples come out byte for byte", () => {
  assert.equal(hex(written((writer) => writer.int(1, 150))), "089601");
  assert.equal(hex(written((writer) => writer.string(2, "testing"))), "120774657374696e67");
  assert.equal(hex(written((writer) => writer.int(1, -2))), "08feffffffffffffffff01");
  assert.equal(hex(written((writer) => writer.double(1, 1.5))), "09000000000000f83f");
  const nested = written((writer) => {
    const mark = writer.open(3);
    writer.int(1, 150);
    writer.close(mark);
  });
  assert.equal(hex(nested), "1a03089601");
});

test("every value comes back as it was written", () => {
  const value = fc.record({
    int: fc.maxSafeInteger(),
    small: fc.integer(),
    text: fc.string({ unit: "grapheme", maxLength: 300 }),
    double: fc.double({ noNaN: true }),
    bytes: fc.uint8Array({ maxLength: 300 }),
    yes: fc.boolean(),
    field: fc.integer({ min: 1, max: 536_870_911 }),
  });
  fc.assert(
    fc.property(value, ({ int, small, text, double, bytes, yes, field }) => {
      const encoded = written((writer) => {
        const outer = writer.open(field);
        const inner = writer.open(7);
        writer.string(1, text);
        writer.bytes(2, bytes);
        writer.close(inner);
        writer.int(1, int);
        writer.int(2, small);
        writer.close(outer);
        writer.double(3, double);
        writer.bool(4, yes);
      });
      const reader = new ProtobufReader(encoded);
      assert.equal(reader.tag() >>> 3, field);
      const outer = reader.enter();
      assert.equal(reader.tag(), (7 << 3) | 2);
      const inner = reader.enter();
      assert.equal(reader.tag(), 10);
      assert.equal(reader.string(), text);
      assert.equal(reader.tag(), 18);
      assert.deepEqual(Buffer.from(reader.bytes()), Buffer.from(bytes));
      assert.equal(reader.tag(), 0);
      reader.leave(inner);
      assert.equal(reader.tag(), 8);
      assert.equal(reader.int64(), int);
      reader.tag();
      assert.equal(reader.int32(), small);
      reader.leave(outer);
      reader.tag();
      assert.equal(reader.double(), double);
      reader.tag();
      assert.equal(reader.bool(), yes);
      assert.equal(reader.tag(), 0);
    }),
  );
});

test("skip() passes over unknown fields of every wire type, groups included", () => {
  const fields = ["08ff01", "110102030405060708", "1a03616263", "2308012b2c24", "3501020304", "3a026f6b"];
  const reader = new ProtobufReader(Buffer.from(fields.join(""), "hex"));
  for (let left = 5; left > 0; left -= 1) reader.skip(reader.tag());
  assert.equal(reader.tag() >>> 3, 7);
  assert.equal(reader.string(), "ok");
  assert.equal(reader.tag(), 0);
});

test("broken bytes are refused, never read beyond", () => {
  const readAll = (bytes: Uint8Array): void => {
    const reader = new ProtobufReader(bytes);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
  };
  const cases = [
    "08",
    "0a05616263",
    "0afeffffffffff",
    "0900",
    "08ffffffffffffffffffff01",
    "00",
    "0f",
    "0b",
    "0c",
    "0b14",
  ];
  for (const broken of cases) assert.throws(() => readAll(Buffer.from(broken, "hex")), ProtobufError, broken);
  assert.throws(() => readAll(Buffer.alloc(5000, 0x0b)), /nested groups/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        readAll(bytes);
      } catch (error) {
        if (!(error instanceof ProtobufError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

test("messages of any length in messages have their lengths in front of them", () => {
  const sizes = [0, 1, 125, 126, 127, 128, 129, 16_381, 16_383, 16_384, 16_390, 2_097_150, 2_097_160];
  for (const size of sizes) {
    const text = "x".repeat(size);
    const deep = written((writer) => {
      const marks = [writer.open(1)];
      for (let level = 0; level < 40; level += 1) marks.push(writer.open(2));
      writer.string(3, text);
      for (const mark of marks.toReversed()) writer.close(mark);
      writer.string(4, "after");
    });
    const reader = new ProtobufReader(deep);
    const outers: number[] = [];
    for (let level = 0; level < 41; level += 1) {
      assert.equal(reader.tag() >>> 3, level === 0 ? 1 : 2);
      outers.push(reader.enter());
    }
    assert.equal(reader.tag() >>> 3, 3);
    assert.equal(reader.string(), text);
    for (const outer of outers.toReversed()) {
      assert.equal(reader.tag(), 0, "each message ends where what is in it ends");
      reader.leave(outer);
    }
    assert.deepEqual([reader.tag() >>> 3, reader.string(), reader.tag()], [4, "after", 0]);
  }
});
