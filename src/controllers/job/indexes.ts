/**
 * Completion indexes as the status of a Job lists them: "1,3-5,7". A range of a thousand million indexes is as small as
 * its text: ranges are kept, never the indexes in them. Pure.
 */

interface Range {
  readonly first: number;
  readonly last: number;
}

export class IndexSet {
  // Invariant: rising, none touching the next.
  private readonly ranges: readonly Range[];
  /** How many indexes are in it. */
  readonly size: number;

  private constructor(ranges: readonly Range[]) {
    this.ranges = ranges;
    this.size = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  static readonly none = new IndexSet([]);

  static of(indexes: Iterable<number>): IndexSet {
    return IndexSet.joined([...indexes].map((index) => ({ first: index, last: index })));
  }

  /** Indexes outside `0 <= index < completions` are left out. */
  static parse(text: string | undefined, completions: number): IndexSet {
    const ranges: Range[] = [];
    for (const part of (text ?? "").split(",")) {
      const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
      const [first, last] = [Number(from), Math.min(Number(to), completions - 1)];
      if (first <= last) ranges.push({ first, last });
    }
    return IndexSet.joined(ranges);
  }

  has(index: number): boolean {
    const range = this.ranges[this.after(index)];
    return range !== undefined && range.first <= index;
  }

  with(indexes: Iterable<number>): IndexSet {
    const added = [...indexes].filter((index) => !this.has(index));
    if (added.length === 0) return this;
    return IndexSet.joined([...this.ranges, ...added.map((index) => ({ first: index, last: index }))]);
  }

  union(other: IndexSet): IndexSet {
    return other.size === 0 ? this : IndexSet.joined([...this.ranges, ...other.ranges]);
  }

  /** How many indexes are in both. */
  shared(other: IndexSet): number {
    let count = 0;
    for (let mine = 0, theirs = 0; ;) {
      const [a, b] = [this.ranges[mine], other.ranges[theirs]];
      if (!a || !b) return count;
      count += Math.max(0, Math.min(a.last, b.last) - Math.max(a.first, b.first) + 1);
      if (a.last < b.last) mine += 1;
      else theirs += 1;
    }
  }

  /** The lowest indexes below `end` that are not in it: as many as asked for, and no more are walked. */
  missing(end: number, countMax: number): number[] {
    const missing: number[] = [];
    let index = 0;
    for (const { first, last } of [...this.ranges, { first: end, last: end }]) {
      for (; index < Math.min(first, end) && missing.length < countMax; index += 1) missing.push(index);
      if (missing.length === countMax) break;
      index = last + 1;
    }
    return missing;
  }

  /** Three or more in a row are written as a range. */
  toString(): string {
    return this.ranges
      .map(({ first, last }) => (first === last ? `${first}` : `${first}${last === first + 1 ? "," : "-"}${last}`))
      .join(",");
  }

  private static joined(ranges: readonly Range[]): IndexSet {
    const joined: { first: number; last: number }[] = [];
    for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
      const before = joined.at(-1);
      if (before && first <= before.last + 1) before.last = Math.max(before.last, last);
      else joined.push({ first, last });
    }
    return new IndexSet(joined);
  }

  /** Where the first range stands that does not end before `index`. */
  private after(index: number): number {
    let [low, high] = [0, this.ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.ranges[middle]?.last ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
