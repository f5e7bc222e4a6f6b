/** Puts header blocks together from HEADERS and CONTINUATION frames, and has them decoded (RFC 9113, section 4.3). */
import { httpLimits } from "../http.ts";
import { ConnectionError, errorCode } from "./errors.ts";
import { type Frame, frameFlag } from "./frames.ts";
import { type HeaderBlock, HpackDecoder } from "./hpack-decoder.ts";

export interface WholeBlock extends HeaderBlock {
  readonly streamId: number;
  /** The stream ends with it. */
  readonly ended: boolean;
  /** It is to come after itself, which no stream can. */
  readonly selfDependent: boolean;
}

interface Begun {
  readonly streamId: number;
  readonly ended: boolean;
  readonly selfDependent: boolean;
}

const priorityBytes = 5;

/** Of one connection. */
export class HeaderBlocks {
  private readonly decoder = new HpackDecoder(httpLimits.headerBytes);
  private begun: Begun | undefined;
  private pieces: Buffer[] = [];
  private piecesBytes = 0;

  /** True while the rest of a block is to come, and nothing else may. */
  get isOpen(): boolean {
    return this.begun !== undefined;
  }

  get streamId(): number {
    return this.begun?.streamId ?? 0;
  }

  /** Takes a HEADERS frame. @returns The block when it is whole. @throws ConnectionError */
  begin(frame: Frame): WholeBlock | undefined {
    const { bytes, flags, streamId } = frame;
    let { start, end } = frame;
    if (streamId === 0)
      throw new ConnectionError(errorCode.protocol, "expected HEADERS for a stream, found it for the connection");
    if ((flags & frameFlag.padded) !== 0) {
      end -= bytes[start] ?? 0;
      start += 1;
    }
    let selfDependent = false;
    if ((flags & frameFlag.priority) !== 0) {
      if (start + priorityBytes <= end) selfDependent = (bytes.readUInt32BE(start) & 0x7fff_ffff) === streamId;
      start += priorityBytes;
    }
    if (start > end)
      throw new ConnectionError(errorCode.protocol, "expected HEADERS longer than its padding and priority");
    const begun = { streamId, ended: (flags & frameFlag.endStream) !== 0, selfDependent };
    if ((flags & frameFlag.endHeaders) !== 0) return { ...begun, ...this.decoder.decode(bytes, start, end) };
    this.begun = begun;
    this.keep(bytes.subarray(start, end));
    return undefined;
  }

  /** Takes a CONTINUATION frame. @returns The block when it is whole. @throws ConnectionError */
  add({ bytes, flags, start, end }: Frame): WholeBlock | undefined {
    const { begun } = this;
    if (!begun)
      throw new ConnectionError(errorCode.protocol, "expected CONTINUATION after HEADERS only, found it alone");
    this.keep(bytes.subarray(start, end));
    if ((flags & frameFlag.endHeaders) === 0) return undefined;
    const block = Buffer.concat(this.pieces, this.piecesBytes);
    this.pieces = [];
    this.piecesBytes = 0;
    this.begun = undefined;
    return { ...begun, ...this.decoder.decode(block, 0, block.length) };
  }

  private keep(piece: Buffer): void {
    this.pieces.push(piece);
    this.piecesBytes += piece.length;
    if (this.piecesBytes > httpLimits.headerBytes || this.pieces.length > httpLimits.headerFrames)
      throw new ConnectionError(
        errorCode.enhanceYourCalm,
        `expected a header block of at most ${httpLimits.headerBytes} bytes in ${httpLimits.headerFrames} frames`,
      );
  }
}
