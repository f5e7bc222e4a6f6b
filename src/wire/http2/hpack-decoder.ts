/**
 * Reads header blocks (HPACK, RFC 7541). The table is kept right whatever becomes of a request: a block that lists too
 * much, or what no request may have, is read to its end, and only its fields are left out.
 */
import { ConnectionError, errorCode } from "./errors.ts";
import { decodeHuffman } from "./huffman.ts";
import { staticNames, staticValues } from "./static-table.ts";

export interface Field {
  readonly name: string;
  readonly value: string;
  /** What the specification counts for it. */
  readonly sizeBytes: number;
  /** False when it has characters that no field may have; looked at once, however often the table repeats it. */
  readonly valid: boolean;
}

export interface HeaderBlock {
  /** In the order they came; none when they were too large. */
  readonly fields: readonly Field[];
  readonly tooLarge: boolean;
}

const fieldOverheadBytes = 32;
/** What a table starts with, and what this side allows. */
export const tableBytesMax = 4_096;
// Section 4.2: the smallest size, then the last one.
const resizesMax = 2;
// 28 bits: more than any string or table here may have.
const integerBytesMax = 4;
// RFC 9113, section 8.2.1; a token of RFC 9110 without upper case, after a colon for what HTTP/2 itself says.
const isName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// eslint-disable-next-line no-control-regex -- these are what no value may have.
const isRefusedInValue = /[\0\r\n]/;

const staticFields = staticNames.map((name, at) => fieldOf(name, staticValues[at] ?? ""));
const noBytes = Buffer.alloc(0);
const firstOfTable = staticFields.length;

export class HpackDecoder {
  private readonly listBytesMax: number;
  // The newest one is last; those before `oldest` were evicted.
  private table: Field[] = [];
  private oldest = 0;
  private tableBytes = 0;
  private sizeMax = tableBytesMax;
  // The block that is being read.
  private block: Buffer = noBytes;
  private at = 0;
  private end = 0;

  /** @param listBytesMax Fields of one block, as the specification counts them. */
  constructor(listBytesMax: number) {
    this.listBytesMax = listBytesMax;
  }

  /** @throws ConnectionError when the block cannot be read; nothing after it can be either. */
  decode(block: Buffer, start: number, end: number): HeaderBlock {
    this.block = block;
    this.at = start;
    this.end = end;
    this.resize();
    const fields: Field[] = [];
    let listBytes = 0;
    while (this.at < this.end) {
      const field = this.field();
      listBytes += field.sizeBytes;
      if (listBytes <= this.listBytesMax) fields.push(field);
    }
    const tooLarge = listBytes > this.listBytesMax;
    return { fields: tooLarge ? [] : fields, tooLarge };
  }

  /** Sizes of the table that a block may begin with. */
  private resize(): void {
    for (let count = 0; this.at < this.end && ((this.block[this.at] ?? 0) & 0xe0) === 0x20; count += 1) {
      const size = this.integer(5);
      if (size > tableBytesMax || count >= resizesMax)
        throw new ConnectionError(
          errorCode.compression,
          `expected at most ${resizesMax} table sizes of at most ${tableBytesMax}, found ${size}`,
        );
      this.sizeMax = size;
      this.evict(0);
    }
  }

  private field(): Field {
    const first = this.block[this.at] ?? 0;
    if ((first & 0x80) !== 0) return this.known(this.integer(7));
    if ((first & 0xe0) === 0x20)
      throw new ConnectionError(errorCode.compression, "expected a table size only where a block begins");
    const kept = (first & 0x40) !== 0;
    const number = this.integer(kept ? 6 : 4);
    const name = number === 0 ? this.text() : this.known(number).name;
    const field = fieldOf(name, this.text());
    if (kept) this.keep(field);
    return field;
  }

  private known(number: number): Field {
    const field =
      number < firstOfTable ? staticFields[number] : this.table[this.table.length - 1 - (number - firstOfTable)];
    const evicted = number >= firstOfTable + this.table.length - this.oldest;
    if (!field || number === 0 || evicted)
      throw new ConnectionError(errorCode.compression, `expected the number of a field in the table, found ${number}`);
    return field;
  }

  private keep(field: Field): void {
    this.evict(field.sizeBytes);
    // One that is larger than the table empties it, and is no fault.
    if (field.sizeBytes > this.sizeMax) return;
    this.table.push(field);
    this.tableBytes += field.sizeBytes;
  }

  /** Makes room for so many bytes. */
  private evict(sizeBytes: number): void {
    while (this.oldest < this.table.length && this.tableBytes + sizeBytes > this.sizeMax) {
      this.tableBytes -= this.table[this.oldest]?.sizeBytes ?? 0;
      this.oldest += 1;
    }
    // Seldom enough that each field is moved once at most.
    if (this.oldest * 2 < this.table.length && this.oldest < 64) return;
    if (this.oldest === 0) return;
    this.table = this.table.slice(this.oldest);
    this.oldest = 0;
  }

  /** @param bits How many bits of the first byte belong to the number. */
  private integer(bits: number): number {
    const most = (1 << bits) - 1;
    let value = this.byte() & most;
    if (value < most) return value;
    for (let at = 0; at < integerBytesMax; at += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) << (7 * at);
      if (byte < 0x80) return value;
    }
    throw new ConnectionError(errorCode.compression, "expected a number of at most 28 bits, found a longer one");
  }

  private text(): string {
    const huffman = ((this.block[this.at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const start = this.at;
    if (length > this.end - start) throw cutShort();
    this.at += length;
    if (huffman) return decodeHuffman(this.block, start, this.at);
    return this.block.toString("latin1", start, this.at);
  }

  private byte(): number {
    if (this.at >= this.end) throw cutShort();
    const byte = this.block[this.at] ?? 0;
    this.at += 1;
    return byte;
  }
}

function cutShort(): ConnectionError {
  return new ConnectionError(errorCode.compression, "expected the rest of a header block, found its end");
}

function fieldOf(name: string, value: string): Field {
  const valid = isName.test(name) && !isRefusedInValue.test(value) && !isPadded(value);
  return { name, value, sizeBytes: name.length + value.length + fieldOverheadBytes, valid };
}

/** Begins or ends with white space. */
function isPadded(value: string): boolean {
  return isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1));
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
