/** Chance that a seed reproduces: whatever a simulated cluster calls random comes from here. */
import { suffixFrom, type Random } from "#base/random.ts";

const bytesPerDraw = 4;

export class SeededRandom implements Random {
  private readonly seed: string;
  // Invariant: 32 bits without sign.
  private state: number;

  /** @param seed Any text. */
  constructor(seed: string) {
    this.seed = seed;
    // FNV-1a, which spreads neighbouring seeds.
    let hash = 0x811c9dc5;
    for (let at = 0; at < seed.length; at += 1) hash = Math.imul(hash ^ seed.charCodeAt(at), 0x01000193);
    this.state = hash >>> 0;
  }

  /** Chance of its own for a part, so that what it draws does not change what others are given. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${name}`);
  }

  fraction(): number {
    return this.draw() / 2 ** 32;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(list: readonly [T, ...(readonly T[])]): T;
  pick<T>(list: readonly T[]): T | undefined;
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  uuid(): string {
    const hex = Buffer.from(this.bytes(16)).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  suffix(length: number): string {
    return suffixFrom(this.bytes(length));
  }

  bytes(length: number): Uint8Array {
    const bytes = Buffer.alloc(Math.ceil(length / bytesPerDraw) * bytesPerDraw);
    for (let at = 0; at < bytes.length; at += bytesPerDraw) bytes.writeUInt32LE(this.draw(), at);
    return bytes.subarray(0, length);
  }

  /** 32 bits. Mulberry32: small, and good enough to choose faults with. */
  private draw(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
