/** A node that joins a server that is not as it should be, from files that are not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLog } from "#base/log.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { writeSecret } from "../certificates/files.ts";
import { readConfig } from "../config.ts";
import { joined, type Joining } from "./membership.ts";

/** A server that takes connections and says nothing. */
async function silentServer(t: TestContext): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return server;
}

async function joiningAt(t: TestContext, server: Server, clock: VirtualClock): Promise<Joining> {
  const dataDir = mkdtempSync(join(tmpdir(), "kedge-agent-"));
  t.after(() => rmSync(dataDir, { recursive: true }));
  // Holds since it listens on TCP.
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const outcome = await readConfig("agent", {
    args: ["--server", url, "--token", "secret", "--data-dir", dataDir],
    env: {},
  });
  assert(outcome.kind === "config");
  return { config: outcome.config, url, nodeName: "two", nodeIp: "127.0.0.1", clock };
}

test("a server that takes a connection and never answers is asked again", { timeout: 30_000 }, async (t) => {
  const clock = new VirtualClock();
  const server = await silentServer(t);
  const joining = await joiningAt(t, server, clock);
  const ending = new AbortController();
  const end = assert.rejects(joined(joining, silentLog, ending.signal));
  await once(server, "connection");
  const again = once(server, "connection");
  await clock.advance(120_000);
  await again;
  ending.abort(new Error("the test is over"));
  await end;
});

test(
  "a membership that cannot be read is asked for anew, and none of its text is told",
  { timeout: 30_000 },
  async (t) => {
    const clock = new VirtualClock();
    const server = await silentServer(t);
    const joining = await joiningAt(t, server, clock);
    writeSecret(join(joining.config.dataDir, "agent/membership.json"), '{"revision":2,"client":{"key":"a sec');
    const ending = new AbortController();
    const end = assert.rejects(joined(joining, silentLog, ending.signal), /the test is over/);
    await once(server, "connection");
    ending.abort(new Error("the test is over"));
    await end;
  },
);
