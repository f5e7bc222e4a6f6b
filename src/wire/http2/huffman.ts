/**
 * HPACK's Huffman code (RFC 7541, section 5.2 and appendix B). The code is canonical: codes of one length follow each
 * other in the order of their symbols, so that their lengths say all of it.
 */
import { ConnectionError, errorCode } from "./errors.ts";

const endOfString = 256;

/** Bits of the code of each byte, and last of the end of the string. */
// oxfmt-ignore
export const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

/** The code of each symbol, in the order of `codeLengths`. */
export function huffmanCodes(): number[] {
  const codes: number[] = Array.from({ length: codeLengths.length }, () => 0);
  let next = 0;
  for (let bits = 1; bits <= 30; bits += 1) {
    next *= 2;
    for (const [symbol, length] of codeLengths.entries())
      if (length === bits) {
        codes[symbol] = next;
        next += 1;
      }
  }
  return codes;
}

// Decoding looks eight bits up at a time. An entry is a symbol with the bits it takes of the eight, or another table
// for the eight bits that follow, or what no string may have.
const tableBits = 8;
const tableSize = 1 << tableBits;
const isTable = 0x8000;
const isRefused = 0x4000;

const tables = makeTables();

function makeTables(): Uint16Array {
  const entries: number[] = Array.from({ length: tableSize }, () => 0);
  const codes = huffmanCodes();
  for (const [symbol, length] of codeLengths.entries()) {
    const code = codes[symbol] ?? 0;
    let table = 0;
    let left = length;
    for (; left > tableBits; left -= tableBits) {
      const at = table * tableSize + ((code >>> (left - tableBits)) & (tableSize - 1));
      if (entries[at] === 0) {
        entries[at] = isTable | (entries.length / tableSize);
        for (let added = 0; added < tableSize; added += 1) entries.push(0);
      }
      table = (entries[at] ?? 0) & ~isTable;
    }
    const first = table * tableSize + ((code << (tableBits - left)) & (tableSize - 1));
    const entry = symbol === endOfString ? isRefused : (left << 8) | symbol;
    entries.fill(entry, first, first + (1 << (tableBits - left)));
  }
  return Uint16Array.from(entries);
}

// The shortest code has five bits.
const shortestBits = 5;
const scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** The text of `bytes` from `start` to `end`, one character a byte. @throws ConnectionError when it is no such code. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string {
  const sizeMax = Math.ceil(((end - start) * 8) / shortestBits);
  const out = sizeMax <= scratch.length ? scratch : Buffer.allocUnsafeSlow(sizeMax);
  let size = 0;
  let bits = 0;
  let count = 0;
  let table = 0;
  for (let at = start; at < end; at += 1) {
    bits = (bits << 8) | (bytes[at] ?? 0);
    count += 8;
    while (count >= tableBits) {
      const entry = tables[table * tableSize + ((bits >>> (count - tableBits)) & (tableSize - 1))] ?? isRefused;
      if ((entry & isTable) !== 0) {
        table = entry & ~isTable;
        count -= tableBits;
      } else {
        if (entry === isRefused) throw refused();
        out[size] = entry & 0xff;
        size += 1;
        count -= entry >>> 8;
        table = 0;
      }
    }
  }
  // What is left is the end of a last symbol, then the padding: fewer than eight bits, all of them ones.
  while (count > 0) {
    const filled = ((bits << (tableBits - count)) | (0xff >>> count)) & (tableSize - 1);
    const entry = tables[table * tableSize + filled] ?? isRefused;
    if (entry >= isRefused || entry >>> 8 > count) break;
    out[size] = entry & 0xff;
    size += 1;
    count -= entry >>> 8;
    table = 0;
  }
  const ones = (1 << count) - 1;
  if (table !== 0 || (bits & ones) !== ones) throw refused();
  return out.toString("latin1", 0, size);
}

function refused(): ConnectionError {
  return new ConnectionError(errorCode.compression, "expected a string in HPACK's Huffman code, found other bits");
}
