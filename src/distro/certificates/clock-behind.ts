/** Whether this machine's clock is before the cluster was made: nobody's certificate holds then, and everybody gets 401. */
import { rfc3339 } from "#base/clock.ts";
import { readCertificate } from "#wire/x509.ts";
import type { CertificateAuthorities } from "../certificates.ts";

/** One sentence; undefined when the clock may be right. */
export function clockBehind(
  { serverCa, clientCa }: Pick<CertificateAuthorities, "serverCa" | "clientCa">,
  nowMs: number,
): string | undefined {
  const beginMs = Math.max(...[serverCa, clientCa].map((ca) => readCertificate(ca.certificate).notBeforeMs));
  if (nowMs >= beginMs) return undefined;
  return `expected a clock after "${rfc3339(beginMs)}", when this cluster began, found "${rfc3339(nowMs)}"; clients and nodes are refused with 401 until then: set the clock of this machine`;
}
