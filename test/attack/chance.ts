/** Chance that a seed reproduces: every hostile input of a run comes from here. */

export class Chance {
  // Invariant: 32 bits without sign.
  private state: number;

  /** @param seed Any text, so that a run, a decoder and a number together name one input. */
  constructor(seed: string) {
    // FNV-1a, which spreads neighbouring seeds.
    let hash = 0x811c9dc5;
    for (let at = 0; at < seed.length; at += 1) hash = Math.imul(hash ^ seed.charCodeAt(at), 0x01000193);
    this.state = hash >>> 0;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    // Mulberry32: small, and good enough to choose faults with.
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    // Holds because the index is within a list that is never empty.
    return list[this.below(list.length)] as T;
  }
}
