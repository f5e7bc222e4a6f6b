/** What a node keeps of its joining, and what it asks for anew. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { machineClock as clock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { bootstrapTokenAuthenticator } from "#apiserver/authentication.ts";
import { MemoryApi } from "#testing/memory-api.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { listen, type HttpServer } from "#wire/http-server.ts";
import { ensureServerCertificates } from "../certificates.ts";
import { readConfig, type Config } from "../config.ts";
import { joined, type Joining } from "./membership.ts";
import { joinAnswers } from "../server/join.ts";
import { TokenVerifier } from "../tokens.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-membership-"));
after(() => rmSync(folder, { recursive: true }));
const certificates = ensureServerCertificates({
  folder: join(folder, "tls"),
  clock,
  names: ["127.0.0.1"],
  first: true,
});
const api = new MemoryApi(new VirtualClock());
const signal = AbortSignal.timeout(60_000);

async function configOf(role: "server" | "agent", ...args: readonly string[]): Promise<Config> {
  const outcome = await readConfig(role, { args: ["--config", "/dev/null", ...args], env: {} });
  assert.ok(outcome.kind === "config");
  return outcome.config;
}

async function serverThatDisables(word: string): Promise<HttpServer> {
  const answers = joinAnswers({
    config: await configOf("server", "--disable", word),
    authorities: certificates,
    apiNames: ["server"],
    verifier: new TokenVerifier("secret"),
    bootstrapTokens: bootstrapTokenAuthenticator({ client: api, clock }),
    client: api,
    clock,
    log: silentLog,
  });
  const tls = certificates.serving;
  return await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, async (exchange) => {
    await answers(exchange);
  });
}

async function joiningAt(port: number, token = "secret"): Promise<Joining> {
  const url = `https://127.0.0.1:${port}`;
  const config = await configOf("agent", "--server", url, "--token", token, "--data-dir", join(folder, "data"));
  return { config, url, nodeName: "n1", nodeIp: "127.0.0.1", clock };
}

test("a node that starts again takes what the server has switched off since, and starts without it as it was", async () => {
  const first = await serverThatDisables("dns");
  const member = await joined(await joiningAt(first.port), silentLog, signal);
  assert.deepEqual(member.settings.disable, ["dns"]);
  await first.close(0);
  const second = await serverThatDisables("proxy");
  const again = await joined(await joiningAt(second.port), silentLog, signal);
  assert.deepEqual(again.settings.disable, ["proxy"]);
  // A token that has ended is no reason not to start.
  const kept = await joined(await joiningAt(second.port, "ended"), silentLog, signal);
  assert.deepEqual(kept, again);
  await second.close(0);
  assert.deepEqual(
    await joined(await joiningAt(second.port), silentLog, signal),
    again,
    "nor is a server that is away",
  );
});
