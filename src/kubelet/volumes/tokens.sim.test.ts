/** Tokens in virtual time: renewed before they end, again with pauses when that fails, and after the clock was set. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rfc3339 } from "#base/clock.ts";
import { machineRandom } from "#base/random.ts";
import { forbidden } from "#machinery/status.ts";
import type { Pod } from "#resources/core/pod.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { Tokens } from "./tokens.ts";

class TokenApi extends MemoryApi {
  asked = 0;
  refuses = false;
  lifeMs = 3_600_000;
  private readonly time: VirtualClock;

  constructor(clock: VirtualClock) {
    super(clock);
    this.time = clock;
  }

  override post(): ReturnType<MemoryApi["post"]> {
    this.asked += 1;
    if (this.refuses)
      return Promise.reject(forbidden({ group: "", resource: "serviceaccounts", name: "default" }, "no"));
    const expirationTimestamp = rfc3339(this.time.nowMs() + this.lifeMs);
    return Promise.resolve({ status: { token: `token-${this.asked}`, expirationTimestamp } });
  }
}

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "u1" },
  spec: { containers: [] },
  status: {},
};

function given(): { readonly clock: VirtualClock; readonly api: TokenApi; readonly tokens: Tokens } {
  const clock = new VirtualClock();
  const api = new TokenApi(clock);
  return { clock, api, tokens: new Tokens({ client: api, clock, random: machineRandom }) };
}

/** As a pod's worker does: asks whenever it was told that a token is due. */
async function follow({ clock, tokens }: ReturnType<typeof given>, forMs: number): Promise<number> {
  let turns = 0;
  const endMs = clock.monotonicMs() + forMs;
  for (; turns < 1_000; turns += 1) {
    const dueMs = tokens.renewAtMs("u1") ?? 0;
    if (dueMs > endMs) break;
    await clock.advance(Math.max(dueMs - clock.monotonicMs(), 0));
    await tokens.token(pod, { path: "token" }).catch(() => undefined);
  }
  return turns;
}

test("a token that cannot be renewed is asked for again with pauses, and used on while it is good", async () => {
  const { api, tokens, clock } = given();
  const all = { api, tokens, clock };
  assert.equal(await tokens.token(pod, { path: "token" }), "token-1");
  api.refuses = true;
  const turns = await follow(all, 3_590_000);
  assert.ok(turns > 2 && turns < 20, `${turns}`);
  assert.equal(await tokens.token(pod, { path: "token" }), "token-1");
  // Once it is over there is none, and still no hurry.
  assert.ok((await follow(all, 3_600_000)) < 20);
  await assert.rejects(async () => {
    await clock.advance(600_000);
    await tokens.token(pod, { path: "token" });
  });
  api.refuses = false;
  await clock.advance(600_000);
  assert.match(await tokens.token(pod, { path: "token" }), /^token-\d+$/);
});

test("tokens that are said to live for no time at all are not asked for without end", async () => {
  const all = given();
  all.api.lifeMs = -1_000;
  await all.tokens.token(pod, { path: "token" });
  assert.ok((await follow(all, 600_000)) <= 60);
});

test("a token is asked for anew after the wall clock was set, either way", async () => {
  const { api, tokens, clock } = given();
  await tokens.token(pod, { path: "token" });
  for (const byMs of [3_600_000, -7_200_000]) {
    const before = api.asked;
    clock.step(byMs);
    await tokens.token(pod, { path: "token" });
    await tokens.token(pod, { path: "token" });
    assert.equal(api.asked, before + 1);
  }
});
