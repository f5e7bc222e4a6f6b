/**
 * What to say when a server's certificate does not hold at this moment: nearly always it is a clock that is wrong, which
 * "certificate is not yet valid" tells nobody.
 */
import { rfc3339 } from "#base/clock.ts";
import { own } from "#base/own.ts";

/** By the code of Node's error, which is OpenSSL's. */
const sentences: Readonly<Record<string, (now: string) => string>> = {
  CERT_NOT_YET_VALID: (now) =>
    `the server's certificate is not valid yet for this machine, whose clock says "${now}": it is likely behind, set it`,
  CERT_HAS_EXPIRED: (now) =>
    `the server's certificate has ended for this machine, whose clock says "${now}": set it if it is ahead, otherwise the server needs a new certificate`,
};

// A stream that waited for its connection, the connection, and its TLS.
const causesMax = 4;

/** The same failure in a sentence for people; as it was when it is no matter of time. */
export function explained(failure: unknown, nowMs: number): unknown {
  let error = failure;
  for (let depth = 0; depth < causesMax && error instanceof Error; depth += 1, error = error.cause) {
    const code = "code" in error ? error.code : undefined;
    const sentence = typeof code === "string" ? own(sentences, code) : undefined;
    if (sentence) return new Error(sentence(rfc3339(nowMs)));
  }
  return failure;
}
