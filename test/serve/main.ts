/**
 * An API server alone, over the memory store, for trying clients against: `main.ts PORT DIR`, where DIR holds
 * server.crt, server.key and ca.crt. Whoever the CA vouches for as system:masters may do everything.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { superusers, type Authorizer } from "#apiserver/access.ts";
import { createApiServer } from "#apiserver/server.ts";
import { machineClock } from "#base/clock.ts";
import { createLog } from "#base/log.ts";
import { machineRandom } from "#base/random.ts";
import { catalogue } from "#resources/catalogue.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { listen } from "#wire/http-server.ts";
import { certificateAuthenticator } from "../../src/apiserver/authentication/certificate.ts";

const [port = "22000", directory = "."] = process.argv.slice(2);
const file = (name: string): string => readFileSync(join(directory, name), "utf8");
const log = createLog({ clock: machineClock, write: (line) => void process.stdout.write(`${line}\n`), level: "debug" });

const mastersOnly: Authorizer = {
  authorize: ({ user }) =>
    user.groups.includes(superusers)
      ? { kind: "allowed", reason: "" }
      : { kind: "denied", reason: `only "${superusers}" may` },
};

const ending = new AbortController();
const api = createApiServer(
  {
    store: openMemoryStore(),
    catalogue,
    clock: machineClock,
    random: machineRandom,
    log,
    authenticators: [certificateAuthenticator],
    authorizer: mastersOnly,
    admission: [],
  },
  ending.signal,
);
const tls = { certificate: file("server.crt"), key: file("server.key"), clientCa: file("ca.crt") };
await listen({ host: "127.0.0.1", port: Number(port), tls, log }, (exchange) => api.serve(exchange));
log.info("ready", { port: Number(port) });
process.once("SIGTERM", () => process.exit(0));
