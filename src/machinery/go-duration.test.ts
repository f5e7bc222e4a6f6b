import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { GoDurationError, goDurationNanos, goDurationText } from "./go-duration.ts";

test("lengths of time are written as Go writes them", () => {
  for (const text of ["0s", "1ns", "1.5µs", "300ms", "1m0s", "1h0m0s", "-1h30m0.5s", "2562047h47m16.854775807s"])
    assert.equal(goDurationText(goDurationNanos(text)), text);
  assert.equal(goDurationText(goDurationNanos("90m")), "1h30m0s");
  assert.equal(goDurationText(goDurationNanos("+.5h1.s")), "30m1s");
  assert.equal(goDurationNanos("-0"), 0n);
});

test("what is no duration is refused with Go's sentences", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["", 'time: invalid duration ""'],
    ["-", 'time: invalid duration "-"'],
    [".s", 'time: invalid duration ".s"'],
    ["1h x", 'time: unknown unit "h x" in duration "1h x"'],
    ["5", 'time: missing unit in duration "5"'],
    ["1constructor", 'time: unknown unit "constructor" in duration "1constructor"'],
    ["2562047h47m16.854775808s", 'time: invalid duration "2562047h47m16.854775808s"'],
    ["00", 'time: missing unit in duration "00"'],
  ];
  for (const [text, message] of rows)
    assert.throws(() => goDurationNanos(text), { name: "GoDurationError", message }, text);
});

test("every length of time reads back as it was written", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (nanos) => {
      assert.equal(goDurationNanos(goDurationText(nanos)), nanos);
    }),
  );
});

test("long texts are read or refused in a time that grows with the text", () => {
  const startedMs = performance.now();
  const zeros = "0".repeat(1_000_000);
  for (const text of [`${zeros}!`, `${zeros}1s`, `1${zeros}s`, `0.${zeros}1s`, "1h".repeat(300_000), "1".repeat(1e6)]) {
    try {
      goDurationNanos(text);
    } catch (error) {
      assert.ok(error instanceof GoDurationError, String(error));
    }
  }
  assert.ok(performance.now() - startedMs < 20_000);
});
