import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "./assert.ts";

test("messageOf() tells what a failing clean-up would hide, and all causes", () => {
  const suppressed = new SuppressedError(new Error("clean-up"), new Error("work", { cause: "disk" }));
  assert.equal(messageOf(suppressed), "work: disk, then clean-up");
  assert.equal(messageOf(new SuppressedError(new Error("full"), new Error("full"))), "full");
});
