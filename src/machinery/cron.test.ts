import assert from "node:assert/strict";
import { test } from "node:test";
import { isTimeZone, parseCron } from "./cron.ts";

const next = (schedule: string, after: string, zone?: string): string | undefined => {
  const ms = parseCron(schedule, zone).nextMs(Date.parse(after));
  return ms === undefined ? undefined : new Date(ms).toISOString().replace(".000Z", "Z");
};

test("the next time of a schedule is after the given one", () => {
  const rows: readonly (readonly [string, string, string | undefined])[] = [
    ["* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"],
    ["*/15 * * * *", "2026-01-01T00:14:59Z", "2026-01-01T00:15:00Z"],
    ["20-35/15 * * * ?", "2026-01-01T14:45:00Z", "2026-01-01T15:20:00Z"],
    ["5/20 * * * *", "2026-01-01T00:45:00Z", "2026-01-01T01:05:00Z"],
    ["0 9-17 * * MON-fri", "2026-01-02T17:00:00Z", "2026-01-05T09:00:00Z"],
    ["0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
    ["0 0 30 feb *", "2026-01-01T00:00:00Z", undefined],
    // With two restricted day fields one of them is enough; with a star both must match.
    ["0 0 1,15 * sun", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"],
    ["0 0 */2 * sun", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"],
    ["0 0 * * sun", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"],
    ["@monthly", "2026-01-31T10:00:00Z", "2026-02-01T00:00:00Z"],
    ["@hourly", "2026-01-31T10:00:00Z", "2026-01-31T11:00:00Z"],
    ["@every 1h30m", "2026-01-01T00:00:00.5Z", "2026-01-01T01:30:00Z"],
    ["TZ=Asia/Tokyo 0 9 * * *", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
  ];
  for (const [schedule, after, expected] of rows) assert.equal(next(schedule, after), expected, schedule);
});

test("a time that a change of clocks skips does not come, one that it repeats comes twice", () => {
  const zone = "America/New_York";
  assert.equal(next("30 2 * * *", "2026-03-08T05:00:00Z", zone), "2026-03-09T06:30:00Z");
  assert.equal(next("30 1 * * *", "2026-11-01T05:00:00Z", zone), "2026-11-01T05:30:00Z");
  assert.equal(next("30 1 * * *", "2026-11-01T05:30:00Z", zone), "2026-11-01T06:30:00Z");
  assert.equal(next("0 0 * * *", "2026-03-08T12:00:00Z", zone), "2026-03-09T04:00:00Z");
});

test("what is no schedule is refused with upstream's sentences", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["", "empty spec string"],
    ["* * * *", "expected exactly 5 fields, found 4: [* * * *]"],
    ["61 * * * *", "end of range (61) above maximum (59): 61"],
    ["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
    ["* * * * 7", "end of range (7) above maximum (6): 7"],
    ["5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"],
    ["*/0 * * * *", "step of range should be a positive number: */0"],
    ["1-2-3 * * * *", "too many hyphens: 1-2-3"],
    ["1/2/3 * * * *", "too many slashes: 1/2/3"],
    ["x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ["@fortnightly", "unrecognized descriptor: @fortnightly"],
    ["@every 5", 'failed to parse duration @every 5: time: missing unit in duration "5"'],
    ["@constructor", "unrecognized descriptor: @constructor"],
    ["-1 * * * *", 'failed to parse int from : strconv.Atoi: parsing "": invalid syntax'],
    ["TZ=UTC", "expected a schedule after the time zone: TZ=UTC"],
    ["TZ=Mars/Base 0 0 * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"],
  ];
  for (const [schedule, message] of rows)
    assert.throws(() => parseCron(schedule), { name: "CronError", message }, schedule);
  assert.equal(isTimeZone("Europe/Zurich"), true);
  assert.equal(isTimeZone("Nowhere"), false);
});

test("long texts are refused in a time that grows with the text", () => {
  const startedMs = performance.now();
  const zeros = "0".repeat(500_000);
  for (const text of [
    `@every ${zeros}!`,
    `@every ${"1h".repeat(300_000)}x`,
    `TZ=${"x".repeat(500_000)}`,
    `TZ=UTC${" ".repeat(500_000)}x`,
    `* * * * ${"1,".repeat(200_000)}x`,
    `* * * * ${"-".repeat(500_000)}`,
    `${zeros} * * * *`,
    " *".repeat(300_000),
  ])
    assert.throws(() => parseCron(text), { name: "CronError" });
  assert.ok(performance.now() - startedMs < 20_000);
});
