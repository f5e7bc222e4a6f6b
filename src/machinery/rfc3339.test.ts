import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isDate, parseTime } from "./rfc3339.ts";

test("every second is read as Date reads it, in every zone", () => {
  const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });
  fc.assert(
    fc.property(seconds, fc.integer({ min: -1439, max: 1439 }), (second, offset) => {
      const local = new Date((second + offset * 60) * 1000).toISOString().slice(0, 19);
      fc.pre(/^\d{4}-/.test(local));
      const size = Math.abs(offset);
      const zone = `${String(Math.floor(size / 60)).padStart(2, "0")}:${String(size % 60).padStart(2, "0")}`;
      assert.equal(parseTime(`${local}${offset < 0 ? "-" : "+"}${zone}`).ms, second * 1000);
    }),
  );
});

test("what is no time is refused with Go's sentences", () => {
  const layout = 'as "2006-01-02T15:04:05Z07:00": cannot parse';
  const rows: readonly (readonly [string, string])[] = [
    ["2026-02-30T00:00:00Z", 'parsing time "2026-02-30T00:00:00Z": day out of range'],
    ["2026-01-01T24:00:00Z", 'parsing time "2026-01-01T24:00:00Z": hour out of range'],
    ["2026-13-01T00:00:00Z", 'parsing time "2026-13-01T00:00:00Z": month out of range'],
    ["2026-01-01T00:60:00Z", 'parsing time "2026-01-01T00:60:00Z": minute out of range'],
    ["2026-01-01T00:00:60Z", 'parsing time "2026-01-01T00:00:60Z": second out of range'],
    ["2026-01-01T00:00:00+25:00", 'parsing time "2026-01-01T00:00:00+25:00": time zone offset hour out of range'],
    ["0000-01-01T00:00:00+01:00", 'parsing time "0000-01-01T00:00:00+01:00": year out of range'],
    ["2026-01-01", `parsing time "2026-01-01" ${layout} "2026-01-01" as "2006"`],
    ["", `parsing time "" ${layout} "" as "2006"`],
  ];
  for (const [text, message] of rows) assert.throws(() => parseTime(text), { name: "TimeError", message }, text);
});

test("leap days are in leap years only", () => {
  assert.deepEqual(
    [2024, 2023, 2000, 1900, 0, 4].map((year) => isDate(year, 2, 29)),
    [true, false, true, false, true, true],
  );
});
