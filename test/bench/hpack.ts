/**
 * As much of HPACK (RFC 7541) as a benchmark's requests need: what every request of a connection says alike is put into
 * the server's table by the first one and is one byte each from then on; of replies the status is read.
 */

export interface HeadParts {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query. */
  readonly target: string;
  readonly contentType?: string;
  /** JSON, unless it says otherwise. Alike in all requests of a connection. */
  readonly accept?: string;
}

export interface HeadContext {
  readonly authority: string;
  readonly token: string | undefined;
  /** True for the first request of a connection. */
  readonly first: boolean;
}

// Places in the static table of appendix A.
const indexed = 0x80;
const methodGet = 2;
const methodPost = 3;
const schemeHttps = 7;
const name = {
  authority: 1,
  method: 2,
  path: 4,
  status: 8,
  accept: 19,
  authorization: 23,
  contentType: 31,
  userAgent: 58,
};
const dynamicFirst = 62;

export function authorityOf(url: string): string {
  return new URL(url).host;
}

export function encodeHead(parts: HeadParts, context: HeadContext): Buffer {
  const method =
    parts.method === "GET"
      ? Buffer.of(indexed | methodGet)
      : parts.method === "POST"
        ? Buffer.of(indexed | methodPost)
        : literal(name.method, parts.method);
  const pieces = [method, Buffer.of(indexed | schemeHttps), literal(name.path, parts.target), shared(parts, context)];
  if (parts.contentType !== undefined) pieces.push(literal(name.contentType, parts.contentType));
  return Buffer.concat(pieces);
}

/** The fields that are alike in all requests of a connection, in the same order each time. */
function shared({ accept = "application/json" }: HeadParts, { authority, token, first }: HeadContext): Buffer {
  const fields: (readonly [number, string])[] = [
    [name.authority, authority],
    [name.accept, accept],
    [name.userAgent, "kedge-bench"],
  ];
  if (token !== undefined) fields.push([name.authorization, `Bearer ${token}`]);
  if (first) return Buffer.concat(fields.map(([index, value]) => field({ index, bits: 6, mark: 0x40 }, value)));
  // The newest entry of the table comes first.
  return Buffer.from(fields.map((_, at) => indexed | (dynamicFirst + fields.length - 1 - at)));
}

/** A field that the server is not to remember. */
function literal(index: number, value: string): Buffer {
  return field({ index, bits: 4, mark: 0 }, value);
}

function field(head: { readonly index: number; readonly bits: number; readonly mark: number }, value: string): Buffer {
  const text = Buffer.from(value);
  return Buffer.concat([integer(head.index, head.bits, head.mark), integer(text.length, 7, 0), text]);
}

/** @param bits How many bits of the first byte belong to the number. @param mark The other bits */
function integer(value: number, bits: number, mark: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(mark | value);
  const bytes = [mark | most];
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const statuses: Readonly<Record<number, number>> = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };

/** The status is always the first field. */
export function readStatus(block: Buffer): number {
  let at = 0;
  // The server says that it keeps no table, as it was told.
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += 1;
  const first = block[at] ?? 0;
  if ((first & indexed) !== 0) return statuses[first & 0x7f] ?? 0;
  const length = block[at + 1] ?? 0;
  const value = block.subarray(at + 2, at + 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? value.toString("latin1") : huffmanDigits(value));
}

/** The code of appendix B for digits: 0 to 2 have five bits, the others six. */
function huffmanDigits(value: Buffer): string {
  let bits = 0;
  let count = 0;
  let digits = "";
  for (const byte of value) {
    bits = (bits << 8) | byte;
    count += 8;
    while (count >= 6 && digits.length < 3) {
      const five = (bits >>> (count - 5)) & 0x1f;
      const width = five <= 2 ? 5 : 6;
      digits += String(width === 5 ? five : ((bits >>> (count - 6)) & 0x3f) - 0x19 + 3);
      count -= width;
    }
  }
  if (digits.length < 3 && count >= 5) digits += String((bits >>> (count - 5)) & 0x1f);
  return digits;
}
