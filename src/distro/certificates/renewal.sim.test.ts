import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { readCertificate } from "#wire/x509.ts";
import { ensureServerCertificates } from "../certificates.ts";
import { Renewable, renewal } from "./renewal.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-renewal-"));
after(() => rmSync(folder, { recursive: true }));

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A clock whose wall can be put elsewhere while time goes on. */
class AdjustableClock extends VirtualClock {
  offsetMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.offsetMs;
  }
}

test("a server that runs for two years always holds certificates with a third of their lives left", async () => {
  const clock = new AdjustableClock();
  const options = { folder, clock, names: ["localhost"], first: true };
  const held = new Renewable(ensureServerCertificates(options), silentLog);
  const authorities = held.now.serverCa.certificate;
  const told: number[] = [];
  const life = new AbortController();
  held.onChange(({ renewed }) => told.push(renewed.length), life.signal);
  const component = renewal(
    "certificates",
    () => {
      const fresh = ensureServerCertificates({ ...options, first: false, known: held.now });
      if (fresh.renewed.length > 0) held.replace(fresh);
    },
    { clock, log: silentLog },
  );
  const running = component.run(life.signal).catch(() => undefined);
  for (let day = 0; day < 730; day += 10) {
    clock.offsetMs += 10 * dayMs;
    await clock.advance(60_000);
    for (const { certificate } of [held.now.serving, held.now.clients.admin, held.now.authProxy]) {
      const { notAfterMs } = readCertificate(certificate);
      assert.ok(notAfterMs - clock.nowMs() > 120 * dayMs, `day ${day}`);
    }
  }
  // Every leaf, in each of the renewals.
  assert.deepEqual(told, [7, 7]);
  assert.equal(held.now.serverCa.certificate, authorities);
  const file = join(folder, "serving-kube-apiserver.crt");
  assert.equal(readFileSync(file, "utf8"), held.now.serving.certificate);
  life.abort(new Error("the test is over"));
  await running;
});

test("it is looked again within an hour of either clock, and a minute after the wall clock was put forward", async () => {
  const clock = new AdjustableClock();
  const life = new AbortController();
  let looks = 0;
  const running = renewal("c", () => void (looks += 1), { clock, log: silentLog })
    .run(life.signal)
    .catch(() => undefined);
  await clock.advance(59 * 60_000);
  assert.equal(looks, 0);
  await clock.advance(60_000);
  assert.equal(looks, 1);
  // A machine that slept for half a year: its monotonic clock stood still.
  clock.offsetMs = 180 * dayMs;
  await clock.advance(60_000);
  assert.equal(looks, 2);
  clock.offsetMs = 0;
  await clock.advance(60_000);
  assert.equal(looks, 3);
  life.abort(new Error("the test is over"));
  await running;
});

test("a look that fails is repeated a minute later", async () => {
  const clock = new VirtualClock();
  const life = new AbortController();
  let looks = 0;
  const look = (): void => {
    looks += 1;
    if (looks < 3) throw new Error("no space");
  };
  const running = renewal("c", look, { clock, log: silentLog })
    .run(life.signal)
    .catch(() => undefined);
  await clock.advance(hourMs + 10 * 60_000);
  assert.equal(looks, 3);
  life.abort(new Error("the test is over"));
  await running;
});

test("one user that cannot take a renewed certificate does not keep it from the others", () => {
  const held = new Renewable("old", silentLog);
  const { signal } = new AbortController();
  const taken: string[] = [];
  held.onChange(() => {
    throw new Error("no");
  }, signal);
  held.onChange((now) => taken.push(now), signal);
  held.replace("new");
  assert.deepEqual([taken, held.now], [["new"], "new"]);
});
