/**
 * What JSON.parse does not tell: how deep a text is nested, and which keys stand twice. Both read text that JSON.parse
 * takes; for other text their answer means nothing.
 */

/**
 * Differs from upstream: nesting is allowed to 1,000 levels, not 10,000, because every part that walks an object must
 * fit into the stack. No Kubernetes object comes near.
 */
export const jsonDepthMax = 1_000;

// Upstream reports no more problems than this of one request.
const duplicatesMax = 100;

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;

/** The number of arrays and objects around the innermost value. */
export function jsonDepth(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    // The bits 0x20 apart: "[" and "{", "]" and "}".
    if ((byte | 0x20) === 0x7b) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if ((byte | 0x20) === 0x7d) depth -= 1;
    else if (byte === quote) at = stringEnd(bytes, at);
  }
  return deepest;
}

/** The position of the quote that ends the string that begins at `start`. */
function stringEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}

interface OpenObject {
  readonly path: string;
  readonly keys: Set<string>;
  /** The key whose value is being read. */
  key: string | undefined;
}

interface OpenArray {
  readonly path: string;
  index: number;
}

/** The paths of keys that stand a second time in their object, like `spec.containers[0].name`. At most 100. */
export function duplicateJsonKeys(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: string[] = [];
  const open: (OpenObject | OpenArray)[] = [];
  for (let at = 0; at < buffer.length && found.length < duplicatesMax; at += 1) {
    const byte = buffer[at] ?? 0;
    const innermost = open.at(-1);
    if (byte === quote) {
      const end = stringEnd(buffer, at);
      if (innermost && "keys" in innermost && innermost.key === undefined) {
        innermost.key = keyOf(buffer, at, end);
        if (innermost.keys.has(innermost.key)) found.push(pathOf(innermost));
        else innermost.keys.add(innermost.key);
      }
      at = end;
    } else if (byte === 0x7b) open.push({ path: pathOf(innermost), keys: new Set(), key: undefined });
    else if (byte === 0x5b) open.push({ path: pathOf(innermost), index: 0 });
    else if (byte === 0x7d || byte === 0x5d) open.pop();
    else if (byte === comma && innermost) {
      if ("keys" in innermost) innermost.key = undefined;
      else innermost.index += 1;
    }
  }
  return found;
}

function keyOf(buffer: Buffer, start: number, end: number): string {
  const key = buffer.toString("utf8", start + 1, end);
  // JSON.parse of a string is a string.
  return key.includes("\\") ? (JSON.parse(`"${key}"`) as string) : key;
}

/** Where the value that is being read stands. */
function pathOf(open: OpenObject | OpenArray | undefined): string {
  if (!open) return "";
  if ("index" in open) return `${open.path}[${open.index}]`;
  return open.path === "" ? (open.key ?? "") : `${open.path}.${open.key ?? ""}`;
}
