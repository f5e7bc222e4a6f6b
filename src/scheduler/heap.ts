/** A binary heap: the least item first. */
export class Heap<T> {
  private readonly items: T[] = [];
  private readonly isBefore: (a: T, b: T) => boolean;

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.isBefore = isBefore;
  }

  get least(): T | undefined {
    return this.items[0];
  }

  push(item: T): void {
    let at = this.items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  pop(): T | undefined {
    const { items } = this;
    const least = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return least;
    items[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const [a, b] = [items[left], items[left + 1]];
      if (a === undefined) return least;
      const child = b !== undefined && this.isBefore(b, a) ? left + 1 : left;
      if (!this.swapIfBefore(child, at)) return least;
      at = child;
    }
  }

  /** Swaps the items at the two places when the first belongs before the second. */
  private swapIfBefore(one: number, other: number): boolean {
    const [a, b] = [this.items[one], this.items[other]];
    if (a === undefined || b === undefined || !this.isBefore(a, b)) return false;
    this.items[one] = b;
    this.items[other] = a;
    return true;
  }
}
