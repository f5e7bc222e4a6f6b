/** How deep a JSON text is nested, which JSON.parse does not tell. For other text the answer means nothing. */

/**
 * Differs from upstream: nesting is allowed to 1,000 levels, not 10,000, because every part that walks an object must
 * fit into the stack. No Kubernetes object comes near.
 */
export const jsonDepthMax = 1_000;

const quote = 0x22;
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
