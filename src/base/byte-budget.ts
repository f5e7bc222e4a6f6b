/** Bytes that are held for others: so many for one of them, so many for all. */
export interface ByteLimits {
  readonly ofOneBytesMax: number;
  readonly totalBytesMax: number;
}

export class ByteBudget {
  private readonly limits: ByteLimits;
  private readonly held = new Map<string, number>();
  private total = 0;
  // Those that wait for room; each belongs to somebody who has a seat.
  private readonly waiting = new Set<() => void>();

  constructor(limits: ByteLimits) {
    this.limits = limits;
  }

  get totalBytes(): number {
    return this.total;
  }

  /** Counts bytes that are held, whether there is room for them or not. */
  hold(owner: string, sizeBytes: number): void {
    this.held.set(owner, (this.held.get(owner) ?? 0) + sizeBytes);
    this.total += sizeBytes;
  }

  /** Gives back what was counted. */
  release(owner: string, sizeBytes: number): void {
    const left = (this.held.get(owner) ?? 0) - sizeBytes;
    if (left > 0) this.held.set(owner, left);
    else this.held.delete(owner);
    this.total -= sizeBytes;
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const wake of woken) wake();
  }

  /** Counts bytes as soon as there is room for this owner, or the signal is aborted. */
  async holdInTurn(owner: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    while (this.isOverdrawn(owner) && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
      await promise;
      signal.removeEventListener("abort", wake);
      this.waiting.delete(wake);
    }
    // In the turn that found the room: who is woken next finds it taken.
    this.hold(owner, sizeBytes);
  }

  /** True when more is held for this one, or for all, than may be. */
  isOverdrawn(owner: string): boolean {
    return this.total > this.limits.totalBytesMax || (this.held.get(owner) ?? 0) > this.limits.ofOneBytesMax;
  }
}
