/** What is said when a clock is before the certificates: nothing works then, and no message of TLS says why. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { issue, issueCa } from "#wire/x509.ts";
import { refusalsByTime } from "../agent/refusals-by-time.ts";
import { ensureServerCertificates } from "../certificates.ts";
import { clockBehind } from "./clock-behind.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-clock-"));
after(() => rmSync(folder, { recursive: true }));

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const clock = new VirtualClock();
const foundedMs = clock.nowMs();
const made = ensureServerCertificates({ folder, clock, names: ["localhost"], first: true });

test("a server whose clock is before its authorities is told so, with both times and what to do", () => {
  assert.equal(clockBehind(made, foundedMs), undefined);
  assert.equal(clockBehind(made, foundedMs - hourMs / 2), undefined);
  const said = clockBehind(made, foundedMs - 400 * dayMs) ?? "";
  assert.match(said, /^expected a clock after "[^"]+", when this cluster began, found "[^"]+"; .*set the clock/);
});

const life = { notBeforeMs: foundedMs - hourMs, notAfterMs: foundedMs + 365 * dayMs };
const ca = issueCa({ commonName: "ca", ...life });
const { certificate } = issue(ca, { commonName: "system:node:n", usages: ["client"], ...life });

/** What a node logs when it is answered with these codes by a server whose clock says `serverMs`. */
function logged(serverMs: number, ...codes: readonly number[]): readonly string[] {
  const lines: string[] = [];
  const log = createLog({ clock, write: (line) => lines.push(line), level: "info" });
  const heard = refusalsByTime({ certificates: () => [certificate, ca.certificate], clock, log });
  for (const code of codes) heard(code, { date: new Date(serverMs).toUTCString() });
  return lines;
}

test("a node that is refused by a server whose clock is before its certificate says so, once an hour", () => {
  const lines = logged(foundedMs - dayMs, 401, 401, 200);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /the server's clock is likely behind: set it there/);
});

test("a node that is refused by a server whose clock is after its certificate names both clocks", () => {
  assert.match(logged(foundedMs + 400 * dayMs, 401)[0] ?? "", /the server's clock says .* this machine's says/);
});

test("a node that is refused for another reason, or not at all, says nothing of clocks", () => {
  assert.deepEqual(logged(foundedMs, 401), []);
  assert.deepEqual(logged(foundedMs - dayMs, 200, 403), []);
});
