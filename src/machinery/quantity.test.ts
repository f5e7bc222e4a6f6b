import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { canonicalQuantity, Quantity, QuantityError } from "./quantity.ts";

test("texts are written back in canonical form", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["0", "0"],
    ["0Ki", "0"],
    ["0.0", "0"],
    ["-", "0"],
    [".", "0"],
    ["1", "1"],
    ["1.5", "1500m"],
    ["0.1", "100m"],
    [".001", "1m"],
    ["0.00000012345", "124n"],
    ["3.001n", "4n"],
    ["-3.001n", "-4n"],
    ["0.000000000001Ki", "2n"],
    ["1000m", "1"],
    ["2000", "2k"],
    ["2500", "2500"],
    ["50k", "50k"],
    ["1.G", "1.G"],
    ["1E", "1E"],
    ["12E", "12E"],
    ["1000E", "1000E"],
    ["1e3", "1e3"],
    ["1E6", "1E6"],
    ["1.2e3", "1200"],
    ["12e4", "120e3"],
    ["0.5e-9", "1e-9"],
    ["1Ki", "1Ki"],
    ["1024Ki", "1Mi"],
    ["1.5Gi", "1536Mi"],
    ["0.5Ki", "512"],
    ["0.05Gi", "53687091200m"],
    ["100.035Ki", "102435840m"],
    ["9Ei", "9223372036854775807"],
    ["-1Ki", "-1Ki"],
    // Upstream's reader keeps what it takes for canonical by its digits.
    ["+5", "+5"],
    ["1.500", "1.500"],
    ["100.035k", "100.035k"],
    ["007", "007"],
    ["9223372036854775808", "9223372036854775808"],
  ];
  for (const [text, canonical] of rows) {
    assert.equal(Quantity.parse(text).toString(), canonical, text);
    assert.equal(canonicalQuantity(text), canonical, text);
  }
});

test("what is no quantity is refused with upstream's sentences", () => {
  const form = /^quantities must match the regular expression/;
  for (const text of ["", "1 Gi", "1Q", "abc", "1.2.3", "0x10", "1..2"])
    assert.throws(() => Quantity.parse(text), { name: "QuantityError", message: form }, text);
  for (const text of ["1e", "1mm", "12-3", "1ki", "1e1000000000"])
    assert.throws(() => Quantity.parse(text), new QuantityError("unable to parse quantity's suffix"), text);
});

test("values are rounded away from zero", () => {
  assert.equal(Quantity.parse("1500m").value(), 2);
  assert.equal(Quantity.parse("-1500m").value(), -2);
  assert.equal(Quantity.parse("1n").milliValue(), 1);
  assert.equal(Quantity.parse("2").milliValue(), 2000);
  assert.equal(Quantity.parse("1Gi").value(), 2 ** 30);
  assert.equal(Quantity.parse("1.5").approximate(), 1.5);
  assert.equal(Quantity.parse("-59n").roundUp(-3).toString(), "-1m");
  assert.equal(Quantity.parse("+5").roundUp(-3).toString(), "+5");
});

test("a zero takes the format of what is added to it", () => {
  const gi = Quantity.parse("1Gi");
  assert.equal(Quantity.zero.add(gi).toString(), "1Gi");
  assert.equal(gi.add(Quantity.zero).toString(), "1Gi");
  assert.equal(Quantity.zero.sub(gi).toString(), "-1Gi");
  assert.equal(Quantity.parse("100m").add(Quantity.parse("0.9")).toString(), "1");
  assert.equal(Quantity.of(1500n, "DecimalSI", -3).toString(), "1500m");
});

const anyQuantity = fc
  .tuple(fc.integer(), fc.nat({ max: 999 }), fc.constantFrom("", "n", "m", "k", "G", "Ki", "Gi", "e3", "E-2"))
  .map(([whole, part, suffix]) => `${whole}.${part}${suffix}`);

test("canonical form keeps the amount and is its own canonical form", () => {
  fc.assert(
    fc.property(anyQuantity, (text) => {
      const once = Quantity.parse(text);
      const twice = Quantity.parse(once.toString());
      assert.equal(once.compare(twice), 0);
      assert.equal(twice.toString(), once.toString());
    }),
  );
});

test("adding and taking away again changes nothing", () => {
  fc.assert(
    fc.property(anyQuantity, anyQuantity, (a, b) => {
      const [left, right] = [Quantity.parse(a), Quantity.parse(b)];
      assert.equal(left.add(right).sub(right).compare(left), 0);
      assert.equal(Math.sign(left.compare(right)), -Math.sign(right.compare(left)) + 0);
    }),
  );
});

// Takes cubic time, on short texts none.
const form = /^[+-]?[0-9]*(?:\.[0-9]*)?[eEinumkKMGTP]*[-+]?[0-9]*$/;

test("a text is read or refused as upstream's expression has it", () => {
  const parts = ["+", "-", "0", "00", "12", ".", "m", "k", "Ki", "Mi", "e", "E3", "e-2", "n", "x", " "];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 6 }), (some) => {
      const text = some.join("");
      let refused = false;
      try {
        Quantity.parse(text);
      } catch (error) {
        refused = error instanceof QuantityError && error.message.startsWith("quantities must match");
      }
      assert.equal(refused, text === "" || !form.test(text), text);
    }),
    { numRuns: 3_000 },
  );
});

test("whole amounts are read, added and compared as their numbers are", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (a, b) => {
      const [one, two] = [Quantity.parse(String(a)), Quantity.parse(String(b))];
      assert.equal(one.add(two).value(), a + b);
      assert.equal(Math.sign(one.compare(two)), Math.sign(a - b));
      assert.equal(Quantity.parse(one.toString()).value(), a);
    }),
  );
});

test("what is canonical stays as it is", () => {
  const suffixes = ["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-6"];
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), fc.nat(999), fc.constantFrom(...suffixes), (whole, part, suffix) => {
      const first = canonicalQuantity(`${whole}.${part}${suffix}`);
      assert.equal(canonicalQuantity(first), first);
    }),
  );
});

test("long texts are read or refused in a time that grows with the text", () => {
  const startedMs = performance.now();
  const zeros = "0".repeat(1_000_000);
  for (const text of [`${zeros}!`, `${zeros}1`, `1${zeros}`, `0.${zeros}1`, `1e${zeros}1`, `1${"k".repeat(1e6)}`]) {
    try {
      canonicalQuantity(text);
    } catch (error) {
      assert.ok(error instanceof QuantityError, String(error));
    }
  }
  assert.ok(performance.now() - startedMs < 20_000);
  assert.throws(() => canonicalQuantity(`1${zeros}`), { message: "unable to parse numeric part of quantity" });
});
