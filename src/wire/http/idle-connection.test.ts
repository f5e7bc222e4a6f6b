import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import { queryObjects } from "node:v8";
import { silentLog } from "#base/log.ts";
import { listen } from "../http-server.ts";
import { issue, issueCa } from "../x509.ts";
import { Connection } from "./connection.ts";

const life = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const ca = issueCa({ commonName: "ca", ...life });
const tls = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });

test("a connection that is over stays in nobody's memory", async () => {
  const server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, (exchange) =>
    exchange.reply(200, {}, new Uint8Array(10)),
  );
  for (let at = 0; at < 20; at += 1) {
    const session = connect(`https://127.0.0.1:${server.port}`, { ca: ca.certificate });
    await once(session.request({ ":path": "/" }).resume(), "close");
    session.close();
    await once(session, "close");
  }
  await server.close(0);
  // The last few may be held by what still runs for them.
  const left = queryObjects(Connection, { format: "count" });
  assert.ok(left < 5, `${left} of 20 connections are still there`);
});
