/** PEM: DER in base64 between two lines that name it (RFC 7468). */
import { base64, fromBase64 } from "#base/bytes.ts";

export function toPem(label: string, der: Uint8Array): string {
  const lines = base64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Every block with this label, in order. */
export function pemBlocks(text: string, label: string): Uint8Array[] {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
  const blocks: Uint8Array[] = [];
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at + begin.length)) {
    const start = at + begin.length;
    // Base64 has no hyphen, so the first one belongs to the next line of dashes.
    const stop = text.indexOf("-", start);
    if (stop >= 0 && text.startsWith(end, stop)) blocks.push(fromBase64(text.slice(start, stop)));
  }
  return blocks;
}
