import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { must } from "#base/assert.ts";
import { HostJournal } from "./journal.ts";
import { readSysctl, releaseSysctl, setSysctl, writeSysctl } from "./sysctl.ts";

// One that nobody else here changes.
const name = "net.ipv4.tcp_fin_timeout";
const untouched = must(readSysctl(name), "every kernel has it");
const folder = mkdtempSync(join(tmpdir(), "kedge-sysctl-"));
after(() => {
  writeSysctl(name, untouched);
  rmSync(folder, { recursive: true });
});

function journalOf(instance: string): HostJournal {
  mkdirSync(join(folder, instance), { recursive: true });
  return new HostJournal(join(folder, instance, "journal.jsonl"));
}

test("a setting goes back when the last kedge that needs it goes, whichever came first", () => {
  const [one, other] = [journalOf("one"), journalOf("other")];
  setSysctl(name, "61", one);
  setSysctl(name, "61", other);
  releaseSysctl(name, untouched, one.path);
  assert.equal(readSysctl(name), "61");
  releaseSysctl(name, "61", other.path);
  assert.equal(readSysctl(name), untouched);
});

test("a kedge whose data was removed by hand holds nothing any more", () => {
  const [one, lost] = [journalOf("first"), journalOf("lost")];
  setSysctl(name, "62", lost);
  setSysctl(name, "62", one);
  rmSync(join(folder, "lost"), { recursive: true });
  releaseSysctl(name, "62", one.path);
  assert.equal(readSysctl(name), untouched);
});

test("what a machine had set itself is left alone", () => {
  const journal = journalOf("same");
  setSysctl(name, untouched, journal);
  releaseSysctl(name, untouched, journal.path);
  assert.equal(readSysctl(name), untouched);
});
