/** Short work of which thousands of pieces may be asked for at once: some are done in each turn of the event loop. */

export class Paced {
  private readonly atOnce: number;
  // Each belongs to a connection or a request, which are bounded where they are let in.
  private waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.atOnce = atOnce;
  }

  /** Called in a turn to come, never in this one. @param work Must not throw. */
  add(work: () => void): void {
    this.waiting.push(work);
    if (this.waiting.length === 1) this.plan();
  }

  private plan(): void {
    setImmediate(() => {
      const now = this.waiting.slice(0, this.atOnce);
      this.waiting = this.waiting.slice(this.atOnce);
      if (this.waiting.length > 0) this.plan();
      for (const work of now) work();
    });
  }
}
