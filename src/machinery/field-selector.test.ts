import assert from "node:assert/strict";
import { test } from "node:test";
import { exactField, formatFieldSelector, matchesFields, parseFieldSelector } from "./field-selector.ts";

test("field selectors are read, sorted and written back", () => {
  const read = parseFieldSelector("status.phase!=Running,metadata.name==a\\,b\\=c,,");
  assert.equal(formatFieldSelector(read), "metadata.name=a\\,b\\=c,status.phase!=Running");
  assert.equal(exactField(read, "metadata.name"), "a,b=c");
  assert.equal(exactField(read, "status.phase"), undefined);
  const fields: Readonly<Record<string, string>> = { "metadata.name": "a,b=c" };
  assert.equal(
    matchesFields(read, (field) => fields[field] ?? ""),
    true,
  );
  assert.equal(
    matchesFields(read, () => "Running"),
    false,
  );
});

test("what is not understood is refused with upstream's sentences", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["name", "invalid selector: 'name'; can't understand 'name'"],
    ["a=b=c", "invalid field selector: unescaped character in value: 61"],
    ["a=b\\x", "invalid field selector: invalid escape sequence: \\x"],
    ["a=b\\", "invalid field selector: invalid escape sequence: \\"],
  ];
  for (const [text, message] of rows) assert.throws(() => parseFieldSelector(text), { message, code: 400 }, text);
});
