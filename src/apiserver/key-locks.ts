/** One writer at a time for one key, in the order they came: writers of this process never make each other retry. */

export class KeyLocks {
  // The end of the last turn for each key that somebody holds or waits for.
  private readonly tails = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key);
    const { promise: turn, resolve: finish } = Promise.withResolvers<void>();
    this.tails.set(key, turn);
    try {
      if (before) await before;
      return await work();
    } finally {
      if (this.tails.get(key) === turn) this.tails.delete(key);
      finish();
    }
  }
}
