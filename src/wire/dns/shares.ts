/** How much of something each sender has: nobody takes what the others need. */

// Senders that have something at a time; beyond them, newcomers get nothing until somebody gives back.
const sendersMax = 65_536;

export class Shares {
  private readonly shareMax: number;
  // Invariant: every count is between 1 and `shareMax`.
  private readonly taken = new Map<string, number>();

  constructor(shareMax: number) {
    this.shareMax = shareMax;
  }

  /** False when the sender has its share already. */
  take(sender: string): boolean {
    const count = this.taken.get(sender) ?? 0;
    if (count >= this.shareMax || (count === 0 && this.taken.size >= sendersMax)) return false;
    this.taken.set(sender, count + 1);
    return true;
  }

  give(sender: string): void {
    const count = this.taken.get(sender) ?? 0;
    if (count > 1) this.taken.set(sender, count - 1);
    else this.taken.delete(sender);
  }

  clear(): void {
    this.taken.clear();
  }

  get senders(): number {
    return this.taken.size;
  }
}
