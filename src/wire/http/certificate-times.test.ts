import assert from "node:assert/strict";
import { after, test } from "node:test";
import { messageOf } from "#base/assert.ts";
import { silentLog } from "#base/log.ts";
import { HttpClient } from "../http-client.ts";
import { listen } from "../http-server.ts";
import { issue, issueCa } from "../x509.ts";

const dayMs = 24 * 3_600_000;
const nowMs = Date.now();

/** What a client is told by a server whose authority and certificate hold in these times. */
async function failureWith(
  life: { readonly notBeforeMs: number; readonly notAfterMs: number },
  protocol: "h1" | "h2",
): Promise<string> {
  const ca = issueCa({ commonName: "ca", ...life });
  const serving = issue(ca, { commonName: "s", usages: ["server"], names: ["127.0.0.1"], ...life });
  const tls = { ...serving, clientCa: ca.certificate };
  const server = await listen({ host: "127.0.0.1", port: 0, tls, log: silentLog }, (exchange) =>
    exchange.reply(200, {}, new Uint8Array()),
  );
  after(() => server.close(0));
  const client = new HttpClient({ url: `https://127.0.0.1:${server.port}`, protocol, ca: ca.certificate });
  try {
    await client.request({ method: "GET", target: "/", signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    return messageOf(error);
  } finally {
    client.close();
  }
  throw new Error("expected the certificate to be refused, found a reply");
}

for (const protocol of ["h1", "h2"] as const) {
  test(`a client over ${protocol} whose clock is before the server's certificate is told that its clock is likely behind`, async () => {
    const said = await failureWith({ notBeforeMs: nowMs + dayMs, notAfterMs: nowMs + 2 * dayMs }, protocol);
    assert.match(said, /is not valid yet .*clock says ".*Z".* likely behind.*set it/);
  });

  test(`a client over ${protocol} whose clock is after the server's certificate is told what its clock says`, async () => {
    const said = await failureWith({ notBeforeMs: nowMs - 2 * dayMs, notAfterMs: nowMs - dayMs }, protocol);
    assert.match(said, /has ended .*clock says ".*Z".*ahead/);
  });
}
