/** An API server over the memory store, asked without sockets. */
import { createApiServer, type ApiServer, type ApiServerOptions } from "#apiserver/server.ts";
import { superusers, type Authenticator, type Authorizer } from "#apiserver/access.ts";
import { machineClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { machineRandom } from "#base/random.ts";
import { catalogue } from "#resources/catalogue.ts";
import { openMemoryStore } from "#storage/memory.ts";
import { TestExchange } from "./exchange.ts";

export interface TestAnswer {
  readonly code: number;
  readonly headers: TestExchange["replyHeaders"];
  readonly text: string;
  /** The value at a path of the JSON answer, e.g. `at("metadata.labels.app")`, `at("items.0.metadata.name")`. */
  at(path: string): unknown;
}

export interface AskOptions {
  /** An object is sent as JSON. */
  readonly body?: object | string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly organizations?: readonly string[];
}

const byCertificate: Authenticator = {
  authenticate: async ({ certificate }) =>
    certificate && { name: certificate.commonName, groups: [...certificate.organizations] },
};

const mastersOnly: Authorizer = {
  authorize: ({ user }) =>
    user.groups.includes(superusers) ? { kind: "allowed", reason: "" } : { kind: "unsure", reason: "" },
};

export class TestApiServer {
  readonly api: ApiServer;
  readonly ending = new AbortController();

  /** @param made A server that was put together elsewhere, or what is to differ from one that trusts masters only. */
  constructor(made: ApiServer | Partial<ApiServerOptions> = {}) {
    this.api = "serve" in made ? made : createTestServer(made, this.ending.signal);
  }

  /** @param line Method and target, e.g. "GET /api/v1/pods?limit=5". */
  async ask(line: string, options: AskOptions = {}): Promise<TestAnswer> {
    const exchange = this.exchange(line, options);
    await this.api.serve(exchange);
    const text = exchange.sent.toString();
    return {
      code: exchange.code,
      headers: exchange.replyHeaders,
      text,
      at: (path) => valueAt(JSON.parse(text), path),
    };
  }

  /** Starts a watch: its exchange, whose lines are its events. */
  watch(target: string, options: AskOptions = {}): TestExchange {
    const exchange = this.exchange(`GET ${target}`, options);
    exchange.served = this.api.serve(exchange);
    return exchange;
  }

  private exchange(line: string, { body, headers = {}, user, organizations }: AskOptions): TestExchange {
    const [method = "", target = ""] = line.split(" ");
    const isText = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    return new TestExchange({
      method,
      target,
      headers,
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      ...(user === undefined ? {} : { user }),
      ...(organizations === undefined ? {} : { organizations }),
    });
  }
}

function createTestServer(options: Partial<ApiServerOptions>, signal: AbortSignal): ApiServer {
  return createApiServer(
    {
      store: openMemoryStore(),
      catalogue,
      clock: machineClock,
      random: machineRandom,
      log: silentLog,
      authenticators: [byCertificate],
      authorizer: mastersOnly,
      admission: [],
      ...options,
    },
    signal,
  );
}

function valueAt(value: unknown, path: string): unknown {
  let at = value;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null) return undefined;
    // Holds because it is an object, whose members can be read by name.
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}
