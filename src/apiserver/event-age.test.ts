import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "#resources/core/event.ts";
import { eventLifeMs, isOld } from "./event-age.ts";

const created = "2026-01-01T00:00:00Z";
const createdMs = Date.parse(created);
const event = (times: Partial<Event>): Event => ({
  apiVersion: "v1",
  kind: "Event",
  metadata: { namespace: "default", name: "e", creationTimestamp: created },
  involvedObject: {},
  reportingComponent: "",
  reportingInstance: "",
  source: {},
  ...times,
});

test("an event is old an hour after it was last seen", () => {
  const late = event({ lastTimestamp: "2026-01-01T00:30:00Z" });
  assert.equal(isOld(late, createdMs + eventLifeMs), false);
  assert.equal(isOld(late, createdMs + 1.5 * eventLifeMs), true);
});

test("no event stays for ever, whatever times its writer says", () => {
  for (const lastTimestamp of ["2999-01-01T00:00:00Z", "never"]) {
    assert.equal(isOld(event({ lastTimestamp }), createdMs), false);
    assert.equal(isOld(event({ lastTimestamp }), createdMs + eventLifeMs), true);
  }
});
