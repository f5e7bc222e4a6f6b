import assert from "node:assert/strict";
import { test } from "node:test";
import { superusers, type Authenticator, type Authorizer } from "#apiserver/access.ts";
import { createApiServer } from "#apiserver/server.ts";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { machineRandom } from "#base/random.ts";
import { clientContract } from "#client/contract.ts";
import { HttpsClient } from "#client/https-client.ts";
import { catalogue } from "#resources/catalogue.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { HttpClient } from "#wire/http-client.ts";
import { listen } from "#wire/http-server.ts";

const byToken: Authenticator = {
  authenticate: async ({ bearerToken }) =>
    bearerToken === "secret" ? { name: "test", groups: [superusers] } : undefined,
};
const mastersOnly: Authorizer = {
  authorize: ({ user }) =>
    user.groups.includes(superusers) ? { kind: "allowed", reason: "" } : { kind: "unsure", reason: "" },
};

interface Opened extends AsyncDisposable {
  readonly client: HttpsClient;
  readonly http: HttpClient;
  readonly url: string;
  readonly namespace: string;
}

async function open(): Promise<Opened> {
  const end = new AbortController();
  const api = createApiServer(
    {
      store: openMemoryStore(),
      catalogue,
      clock: machineClock,
      random: machineRandom,
      log: silentLog,
      authenticators: [byToken],
      authorizer: mastersOnly,
      admission: [],
    },
    end.signal,
  );
  const server = await listen({ host: "127.0.0.1", port: 0, log: silentLog }, (exchange) => api.serve(exchange));
  const url = `http://127.0.0.1:${server.port}`;
  const http = new HttpClient({ url, protocol: "h1", credentials: () => ({ token: "secret" }) });
  const client = new HttpsClient(http, "test");
  const metadata = { name: "default" };
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata, spec: {}, status: {} });
  const close = async (): Promise<void> => {
    http.close();
    end.abort();
    await server.close(0);
  };
  return { client, http, url, namespace: "default", [Symbol.asyncDispose]: close };
}

clientContract("https", { open });

test("a server out of reach is ServiceUnavailable, and wrong credentials are Unauthorized", async () => {
  const opened = await open();
  const anonymous = new HttpClient({ url: opened.url, protocol: "h1", credentials: () => ({ token: "wrong" }) });
  await assert.rejects(new HttpsClient(anonymous, "x").list(configMaps, {}), { code: 401, reason: "Unauthorized" });
  anonymous.close();
  await opened[Symbol.asyncDispose]();
  const gone = new HttpClient({ url: opened.url, protocol: "h1" });
  await assert.rejects(new HttpsClient(gone, "x").list(configMaps, {}), { reason: "ServiceUnavailable" });
  gone.close();
});
