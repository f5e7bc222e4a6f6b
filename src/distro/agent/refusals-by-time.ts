/**
 * Why a server answers a node with 401 when it is a matter of time. Its clock decides whether the node's certificate
 * holds, and "Unauthorized" does not say so.
 */
import type { IncomingHttpHeaders } from "node:http";
import { type Clock, rfc3339 } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { readCertificate } from "#wire/x509.ts";

const unauthorized = 401;
/** Every watch is refused again and again. */
const saidEveryMs = 3_600_000;

export interface RefusalParts {
  /** In PEM: what the node shows, and who signed it. */
  readonly certificates: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** To be told the head of each reply. */
export function refusalsByTime({
  certificates,
  clock,
  log,
}: RefusalParts): (code: number, headers: IncomingHttpHeaders) => void {
  let quietUntilMs = -Infinity;
  return (code, { date = "" }) => {
    if (code !== unauthorized || clock.monotonicMs() < quietUntilMs) return;
    const why = reasonIn(certificates(), { serverMs: Date.parse(date), nowMs: clock.nowMs() });
    if (why === undefined) return;
    quietUntilMs = clock.monotonicMs() + saidEveryMs;
    log.error("the server refuses this node", { why });
  };
}

function reasonIn(
  certificates: readonly string[],
  { serverMs, nowMs }: { readonly serverMs: number; readonly nowMs: number },
): string | undefined {
  const read = certificates.map(readCertificate);
  const beginMs = Math.max(...read.map(({ notBeforeMs }) => notBeforeMs));
  const endMs = Math.min(...read.map(({ notAfterMs }) => notAfterMs));
  // Both are false when the server did not say what time it is.
  if (serverMs < beginMs)
    return `the server's clock says "${rfc3339(serverMs)}", before this node's certificate begins at "${rfc3339(beginMs)}"; the server's clock is likely behind: set it there`;
  if (serverMs > endMs)
    return `the server's clock says "${rfc3339(serverMs)}", this machine's says "${rfc3339(nowMs)}", and this node's certificate holds until "${rfc3339(endMs)}"; one of the clocks is likely wrong: set it`;
  return undefined;
}
