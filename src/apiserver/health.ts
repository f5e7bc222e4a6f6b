/**
 * Whether the server is well: /healthz, /livez and /readyz, as a whole, check by check, and with `?verbose`.
 *
 * @see https://kubernetes.io/docs/reference/using-api/health-checks/
 */
import { messageOf } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import type { Exchange } from "#wire/http.ts";
import type { RequestInfo } from "./request-info.ts";

export interface HealthCheck {
  readonly name: string;
  /** True when a failure means that the process should be started anew, not only that it is not ready. */
  readonly live: boolean;
  /** A sentence, when something is to be known although the server is well. @throws Error that says what is wrong. */
  readonly check: () => Promise<string | void> | string | void;
}

export type Endpoint = "healthz" | "livez" | "readyz";

export async function answerHealth(
  endpoint: Endpoint,
  checks: readonly HealthCheck[],
  { exchange, info }: { exchange: Exchange; info: RequestInfo },
): Promise<void> {
  const relevant = endpoint === "livez" ? checks.filter(({ live }) => live) : checks;
  const [, , only] = info.path.split("/");
  const asked = only === undefined || only === "" ? relevant : relevant.filter(({ name }) => name === only);
  const reply = (code: number, text: string): void =>
    exchange.reply(
      code,
      { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
      utf8(text),
    );
  if (asked.length === 0 && only !== undefined && only !== "") return reply(404, "404 page not found\n");
  const excluded = new Set(info.query.getAll("exclude"));
  const lines: string[] = [];
  let failed = false;
  for (const { name, check } of asked) {
    if (excluded.has(name)) {
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    try {
      const note = await check();
      lines.push(note === undefined ? `[+]${name} ok` : `[+]${name} ok: ${note}`);
    } catch (error) {
      failed = true;
      lines.push(`[-]${name} failed: ${messageOf(error)}`);
    }
  }
  const known = new Set(relevant.map(({ name }) => name));
  const unknown = [...excluded].filter((name) => !known.has(name));
  if (unknown.length > 0)
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(",")}`,
    );
  if (failed) return reply(500, `${lines.join("\n")}\n${endpoint} check failed\n`);
  if (!info.query.has("verbose")) return reply(200, "ok");
  reply(200, `${lines.join("\n")}\n${endpoint} check passed\n`);
}
