/** Header blocks of SPDY/3.1: names and values with their lengths, inside one zlib stream a direction. */
import { constants, createInflate, type Inflate } from "node:zlib";
import { spdyDictionary } from "./dictionary.ts";

/** Names in lower case. Several values of a name are separated by a zero byte. */
export type SpdyHeaders = Readonly<Record<string, string>>;

const blockBytesMax = 64 * 1024;

// An empty stored block, which makes the reader hand out what it has.
const flush = Buffer.from([0, 0, 0, 0xff, 0xff]);

/**
 * Writes header blocks. It stores instead of compressing, which is a valid zlib stream that needs no state: our headers
 * are a few dozen bytes.
 */
export class HeaderWriter {
  private started = false;

  block(headers: SpdyHeaders): Buffer {
    const entries = Object.entries(headers);
    const plain = Buffer.concat([uint32(entries.length), ...entries.flatMap((entry) => entry.flatMap(counted))]);
    // A stored block: no final bit, its length, and the length's complement.
    const head = Buffer.alloc(5);
    head.writeUInt16LE(plain.length, 1);
    head.writeUInt16LE(~plain.length & 0xffff, 3);
    const start = this.started ? [] : [Buffer.from([0x78, 0x01])];
    this.started = true;
    return Buffer.concat([...start, head, plain, flush]);
  }
}

/** Reads header blocks, which must be given in the order they came. */
export class HeaderReader {
  private inflate: Inflate | undefined;
  private plain: Buffer[] = [];

  /** @throws Error when the block is broken or too large. */
  async read(block: Uint8Array): Promise<SpdyHeaders> {
    const inflate = this.started();
    this.plain = [];
    await new Promise<void>((resolve, reject) => {
      inflate.once("error", reject);
      inflate.write(block, (error) => {
        inflate.off("error", reject);
        const failure = inflate.errored ?? error;
        if (failure) reject(failure);
        else resolve();
      });
    });
    return parse(Buffer.concat(this.plain));
  }

  close(): void {
    this.inflate?.destroy();
  }

  private started(): Inflate {
    if (this.inflate) return this.inflate;
    const inflate = createInflate({ dictionary: spdyDictionary(), flush: constants.Z_SYNC_FLUSH });
    let sizeBytes = 0;
    inflate.on("data", (bytes: Buffer) => {
      this.plain.push(bytes);
      sizeBytes = this.plain.reduce((sum, part) => sum + part.length, 0);
      if (sizeBytes > blockBytesMax)
        inflate.destroy(new Error(`expected SPDY headers of at most ${blockBytesMax} bytes`));
    });
    // A failure between two blocks is that of the next one.
    inflate.on("error", () => undefined);
    this.inflate = inflate;
    return inflate;
  }
}

function parse(plain: Buffer): SpdyHeaders {
  const headers: Record<string, string> = {};
  let at = 4;
  const word = (): string => {
    const start = at + 4;
    at = start + plain.readUInt32BE(at);
    if (at > plain.length) throw new Error("expected a SPDY header inside its block, found a longer one");
    return plain.toString("utf8", start, at);
  };
  for (let left = plain.readUInt32BE(0); left > 0; left -= 1) {
    const name = word().toLowerCase();
    headers[name] = word();
  }
  return headers;
}

function counted(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  return [uint32(bytes.length), bytes];
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
