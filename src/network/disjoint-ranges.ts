/** Ranges of addresses of which no two share one, found by halving: clusters have thousands. */
import { cidrSize, type Cidr } from "#base/cidr.ts";

export class DisjointRanges {
  // Invariant: by rising base, none meets its neighbour.
  private readonly ranges: Cidr[] = [];

  /** True when some range shares an address with this one. */
  meets(range: Cidr): boolean {
    const after = this.firstFrom(range.base);
    const [below, above] = [this.ranges[after - 1], this.ranges[after]];
    return (
      (below !== undefined && below.base + cidrSize(below) > range.base) ||
      (above !== undefined && above.base < range.base + cidrSize(range))
    );
  }

  /** @param range Meets none that is there. */
  add(range: Cidr): void {
    this.ranges.splice(this.firstFrom(range.base), 0, range);
  }

  /** The place of the first range whose base is not below. */
  private firstFrom(base: number): number {
    let [low, high] = [0, this.ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ranges[middle]?.base ?? 0) < base) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
