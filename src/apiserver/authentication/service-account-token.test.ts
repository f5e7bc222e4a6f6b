import assert from "node:assert/strict";
import { test } from "node:test";
import { namespaces } from "#resources/core/namespace.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import { TestApiServer } from "#testing/api-server.ts";
import { VirtualClock } from "#testing/virtual-clock.ts";
import { claimsFor, ServiceAccountTokens } from "./service-account-token.ts";

test("a token of an account that is gone is refused, also after the wall clock was set back", async (t) => {
  const clock = new VirtualClock();
  const server = new TestApiServer({ clock });
  t.after(() => server.ending.abort());
  const client = server.api.directClient({ name: "test", groups: ["system:masters"] });
  const metadata = { namespace: "default", name: "robot" };
  const home = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" }, spec: {}, status: {} };
  await client.create(namespaces, home);
  const account = await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata });
  const request = { issuer: "us", audiences: ["us"], nowMs: clock.nowMs(), lifeSeconds: 36_000, id: "1", bound: {} };
  const claims = claimsFor(account, request);
  const verifier = { issuerOf: () => "us", verify: () => Promise.resolve(claims) };
  const tokens = new ServiceAccountTokens({ client, clock, verifier, issuer: "us", audiences: ["us"] });
  assert.equal((await tokens.authenticate({ bearerToken: "t" }))?.name, "system:serviceaccount:default:robot");
  await client.delete(serviceAccounts, metadata);
  clock.step(-5_000);
  await clock.advance(11_000);
  await assert.rejects(tokens.authenticate({ bearerToken: "t" }), /has been deleted/);
});
