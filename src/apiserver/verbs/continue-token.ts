/** Where the next page of a list starts, in upstream's form. */
import { base64, fromBase64, textOf, utf8 } from "#base/bytes.ts";
import { badRequest } from "#machinery/status.ts";
import type { Revision } from "#storage/store.ts";

export interface ContinueToken {
  /** -1 for now: a list that is no longer consistent. */
  readonly revision: Revision;
  /** First store key of the page. */
  readonly start: string;
}

const version = "meta.k8s.io/v1";

export function encodeContinue(token: ContinueToken, prefix: string): string {
  const start = token.start.slice(prefix.length);
  const text = base64(utf8(JSON.stringify({ v: version, rv: token.revision, start })));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @throws StatusError 400 */
export function decodeContinue(text: string, prefix: string): ContinueToken {
  const { v, rv, start } = parsed(text);
  if (v !== version) throw badRequest("continue key is not valid: server does not recognize this encoded version");
  if (!isRevision(rv))
    throw badRequest(`continue key is not valid: incorrect encoded start resourceVersion (version ${version})`);
  if (typeof start !== "string" || start === "")
    throw badRequest(`continue key is not valid: encoded start key empty (version ${version})`);
  if (start.split("/").includes("..")) throw badRequest(`continue key is not valid: ${start}`);
  return { revision: rv, start: prefix + start };
}

function isRevision(rv: unknown): rv is Revision {
  return Number.isSafeInteger(rv) && (rv === -1 || Number(rv) > 0);
}

function parsed(text: string): { readonly v?: unknown; readonly rv?: unknown; readonly start?: unknown } {
  try {
    const value: unknown = JSON.parse(textOf(fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"))));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    throw badRequest("continue key is not valid: it is not base64 of JSON");
  }
}
