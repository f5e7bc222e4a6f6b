/** What a request may say in its header block, and what it says (RFC 9113, sections 8.1 to 8.3). */
import type { RequestHeaders } from "../http.ts";
import type { Field } from "./hpack-decoder.ts";

// What is looked at of each field; a field that is not here is only passed on.
type Role = keyof Said | "te" | "refused";

interface Said {
  method?: string;
  scheme?: string;
  path?: string;
  authority?: string;
  host?: string;
  length?: string;
}

const roles: ReadonlyMap<string, Role> = new Map([
  [":method", "method"],
  [":scheme", "scheme"],
  [":path", "path"],
  [":authority", "authority"],
  ["host", "host"],
  ["content-length", "length"],
  ["te", "te"],
  ["connection", "refused"],
  ["keep-alive", "refused"],
  ["proxy-connection", "refused"],
  ["transfer-encoding", "refused"],
  ["upgrade", "refused"],
]);

const colon = 0x3a;
const lengthDigits = /^\d{1,15}$/;

// Of several fields with one of these names the first one counts, as with Node's HTTP/1.1; others are one list.
const single = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/** @returns False for what no request says. */
function take(said: Said, role: Role, value: string): boolean {
  if (role === "refused") return false;
  if (role === "te") return value === "trailers";
  const before = said[role];
  // A length may stand twice when it is the same one.
  if (before !== undefined) return role === "length" && before === value;
  said[role] = value;
  return true;
}

export class RequestHead {
  readonly method: string;
  /** The `:path`. */
  readonly target: string;
  /** What `content-length` says; undefined without one. */
  readonly lengthBytes: number | undefined;
  private readonly fields: readonly Field[];
  private record: RequestHeaders | undefined;

  private constructor(fields: readonly Field[], facts: { method: string; target: string; lengthBytes?: number }) {
    this.fields = fields;
    this.method = facts.method;
    this.target = facts.target;
    this.lengthBytes = facts.lengthBytes;
  }

  /** Undefined when no request looks like this: its stream is reset then. */
  static of(fields: readonly Field[]): RequestHead | undefined {
    const said: Said = {};
    let ordinary = false;
    for (const { name, value, valid } of fields) {
      if (!valid) return undefined;
      const isPseudo = name.charCodeAt(0) === colon;
      if (isPseudo && ordinary) return undefined;
      ordinary ||= !isPseudo;
      const role = roles.get(name) ?? (isPseudo ? "refused" : undefined);
      if (role !== undefined && !take(said, role, value)) return undefined;
    }
    const { method, path: target = "", scheme, authority, host, length } = said;
    if (method === undefined || scheme === undefined) return undefined;
    if (!target.startsWith("/") && target !== "*") return undefined;
    // Who stands between may have read the other one.
    if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase())
      return undefined;
    if (length === undefined) return new RequestHead(fields, { method, target });
    if (!lengthDigits.test(length)) return undefined;
    return new RequestHead(fields, { method, target, lengthBytes: Number(length) });
  }

  header(name: string): string | undefined {
    let value: string | undefined;
    for (const field of this.fields) {
      if (field.name !== name) continue;
      if (value === undefined) value = field.value;
      else if (!single.has(name)) value += (name === "cookie" ? "; " : ", ") + field.value;
      if (single.has(name)) break;
    }
    return value;
  }

  /** All of them by name, what begins with a colon included. */
  get headers(): RequestHeaders {
    if (!this.record) {
      const values = new Map<string, string>();
      for (const { name, value } of this.fields) {
        const before = values.get(name);
        if (before === undefined) values.set(name, value);
        else if (!single.has(name)) values.set(name, before + (name === "cookie" ? "; " : ", ") + value);
      }
      // Without a prototype: the names are the client's.
      const record = Object.create(null) as Record<string, string>;
      for (const [name, value] of values) record[name] = value;
      this.record = record;
    }
    return this.record;
  }
}

/** True for fields that may stand after a body. */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(({ name, valid }) => valid && name.charCodeAt(0) !== colon);
}
