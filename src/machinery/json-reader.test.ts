import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { atOnce } from "#base/turns.ts";
import {
  checkCounts,
  JsonError,
  readForeignJson,
  readingForeignJson,
  readingWrittenJson,
  readJson,
  readWrittenJson,
} from "./json-reader.ts";
import { namesMax, TooManyValuesError, valuesMax } from "./value-count.ts";

test("what JSON.parse reads, it reads the same, however it is written", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(JSON.parse(JSON.stringify(readJson(text).value)), JSON.parse(text));
      assert.deepEqual(readJson(text).duplicates, []);
    }),
  );
});

test("what JSON.parse refuses, it refuses, and the other way round", () => {
  const parts = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"\\u00e9"',
    "true",
    "null",
    "-",
    "0",
    "12",
    ".5",
    "e3",
    " ",
    "\n",
    "\\",
    '"',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), (some) => {
      const text = some.join("");
      assert.equal(
        outcome(() => readJson(text)),
        outcome(() => JSON.parse(text, finite)),
        text,
      );
    }),
    // Found by a run before: JSON.parse makes an infinity of what no number holds.
    { numRuns: 5_000, examples: [[["0", ".5", "e3", "12"]]] },
  );
});

function finite(_: string, value: unknown): unknown {
  if (value === Infinity || value === -Infinity) throw new SyntaxError("a number that no number holds");
  return value;
}

function outcome(read: () => unknown): "read" | "refused" {
  try {
    read();
    return "read";
  } catch (error) {
    assert.ok(error instanceof JsonError || error instanceof SyntaxError, String(error));
    return "refused";
  }
}

test("an error says what is wrong as upstream does, and where", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["", "unexpected end of JSON input", 0],
    ["{", "unexpected end of JSON input", 1],
    ["{a", "invalid character 'a' looking for beginning of object key string", 1],
    ['{"a" 1}', "invalid character '1' after object key", 5],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair", 7],
    ["[1 2]", "invalid character '2' after array element", 3],
    ["{} x", "invalid character 'x' after top-level value", 3],
    ["trux", "invalid character 'x' in literal true (expecting 'e')", 3],
    ["-x", "invalid character 'x' in numeric literal", 1],
    ["1.x", "invalid character 'x' after decimal point in numeric literal", 2],
    ["1e+x", "invalid character 'x' in exponent of numeric literal", 3],
    ['"a\nb"', "invalid character '\\n' in string literal", 2],
    ['"\\x"', "invalid character 'x' in string escape code", 2],
    ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape", 5],
    ["'", "invalid character '\\'' looking for beginning of value", 0],
    ["1e400", "json: cannot unmarshal number 1e400 into Go value of type float64", 5],
  ];
  for (const [text, message, offset] of cases)
    assert.throws(() => readJson(text), { name: "JsonError", message, offset }, text);
  assert.throws(() => readJson("[".repeat(100_000)), { message: "exceeded max depth" });
});

test("integers of 64 bits come back as they were, and what is larger is a floating number", () => {
  for (const text of ["9007199254740993", "-9223372036854775808", "9223372036854775807", "[1234567890123456789]"]) {
    assert.equal(JSON.stringify(readJson(text).value), text);
    assert.equal(JSON.stringify(readWrittenJson(text)), text);
  }
  assert.equal(readJson("9223372036854775808").value, 9223372036854775808);
  assert.equal(readJson("9007199254740991").value, 9007199254740991);
  assert.equal(readWrittenJson('{"a":"1234567890123456789"}')?.valueOf() instanceof Object, true);
});

test("a member that stands twice is found with its path, whatever its name", () => {
  const text = '{"a":{"constructor":1,"b":[{"x":1,"x":2}],"__proto__":1,"__proto__":{}},"toString":1,"a":1}';
  const { value, duplicates } = readJson(text);
  assert.deepEqual(duplicates, ['duplicate field "a.b[0].x"', 'duplicate field "a.__proto__"', 'duplicate field "a"']);
  assert.deepEqual(Object.keys(Object(value)), ["a", "toString"]);
  assert.equal(readJson(`{${'"a":1,'.repeat(1_000)}"b":2}`).duplicates.length, 100);
});

test("a number that is written in another way than its value is noted", () => {
  const { value, literals } = readJson('{"a":1.0,"b":[1e3,5],"c":1.5,"d":100000000000000000000}');
  const [whole, b] = [Object(value), Object(value).b];
  assert.deepEqual(
    [
      literals?.of(whole, "a"),
      literals?.of(b, 0),
      literals?.of(b, 1),
      literals?.of(whole, "c"),
      literals?.of(whole, "d"),
    ],
    ["1.0", "1e3", undefined, undefined, undefined],
  );
  assert.equal(readJson('{"a":1,"b":[1.5]}').literals, undefined);
});

test("half a surrogate pair is no character", () => {
  assert.equal(readJson('"a\\ud800b"').value, "a\ufffdb");
  assert.equal(readJson('"\\ud83d\\ude00"').value, "😀");
});

test("what a stranger sends is read as far as so many values, and again as many in its field sets", () => {
  const list = (count: number): string => JSON.stringify(Array.from({ length: count }, () => 1));
  assert.equal(readForeignJson(list(valuesMax - 1)).duplicates.length, 0);
  // The brace that is missing is not come to.
  assert.throws(() => readForeignJson(list(valuesMax).slice(0, -1)), TooManyValuesError);
  // What is around them counts too.
  for (const [text, isTooMuch] of [
    [withSet(list(valuesMax - 10), namesMax), false],
    [withSet(list(valuesMax), 0), true],
    [withSet(list(0), namesMax + 1), true],
    // Many items with the same names, and many names, of which each is in two objects.
    [withSet(JSON.stringify(Array.from({ length: 15_000 }, () => ({ a: 1, b: 2, c: 3 }))), 0), false],
    [withSet(JSON.stringify([named(namesMax - 10), named(namesMax - 10)]), 0), false],
    [withSet(JSON.stringify([named(namesMax)]), 0), true],
  ] as const) {
    if (isTooMuch) {
      assert.throws(() => checkCounts(readJson(text).value), TooManyValuesError);
      assert.throws(() => readForeignJson(text), TooManyValuesError);
    } else {
      checkCounts(readJson(text).value);
      readForeignJson(text);
    }
  }
});

function named(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`f:k${at}`, {}]));
}

/** An object whose field sets have so many names. */
function withSet(data: string, names: number): string {
  return `{"data":${data},"metadata":{"managedFields":[{"fieldsV1":${JSON.stringify(named(names))}}]}}`;
}

test("what is read in pieces is the same, and no piece is longer than two thousand values", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(atOnce(readingForeignJson(text)), readForeignJson(text));
      assert.deepEqual(atOnce(readingWrittenJson(text)), readWrittenJson(text));
    }),
  );
  const list = Array.from({ length: 10_000 }, (_, at) => ({ at: [at] }));
  const work = readingWrittenJson(JSON.stringify(list));
  let pieces = 1;
  for (let next = work.next(); next.done !== true; next = work.next()) pieces += 1;
  assert.equal(pieces, 16);
});

test("a string with escapes is read as JSON.parse reads it, and refused where it does", () => {
  const parts = ["a", "\\", "\\\\", '\\"', "\\n", "\\u00e9", "\\ud800", "\\x", "\\u12", "\n", "é"];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 10 }), (some) => {
      const text = `["\\t${some.join("")}"]`;
      const whole = (): unknown => (JSON.parse(text) as [string])[0].toWellFormed();
      assert.equal(
        outcome(() => readJson(text)),
        outcome(whole),
        text,
      );
      if (outcome(whole) === "read") assert.deepEqual(readJson(text).value, [whole()]);
    }),
  );
});
