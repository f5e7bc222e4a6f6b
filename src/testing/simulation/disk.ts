/**
 * What outlives the server: a store whose writes take time, come to pass in the order they were asked for, and are the
 * points at which the server may be killed, before a write or after it and before its answer.
 */
import { openMemoryStore } from "#storage/memory.ts";
import type { Store } from "#storage/store.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { Faults } from "./plan.ts";
import type { Process } from "./process.ts";

// One flush; all that waits when it begins is written by it.
const flushMsMax = 4;

export interface DiskParts {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly faults: () => Faults;
  readonly count: (fault: string) => void;
}

interface Waiting {
  readonly owner: Process;
  readonly write: () => Promise<unknown>;
  readonly done: (answer: Promise<unknown>) => void;
}

export class Disk {
  readonly store: Store = openMemoryStore();
  /** Writes that came to pass. */
  written = 0;
  private readonly faults: () => Faults;
  private readonly count: (fault: string) => void;
  /** Called at the write at which the server is to be killed; undefined while it is not. */
  killAt: { readonly write: number; readonly before: boolean; readonly kill: () => void } | undefined;
  private waiting: Waiting[] = [];
  private isFlushing = false;
  private readonly clock: VirtualClock;
  private readonly random: SeededRandom;

  constructor(parts: DiskParts) {
    this.clock = parts.clock;
    this.random = parts.random;
    this.faults = parts.faults;
    this.count = parts.count;
  }

  /** The store as a process sees it. */
  open(owner: Process): Store {
    const fenced = owner.fence(this.store);
    return new Proxy(this.store, {
      get: (target, name): unknown => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name !== "commit") return Reflect.get(fenced, name);
        return (...args: readonly unknown[]) =>
          // Holds because a commit answers with a promise.
          owner.outside(() => this.write(owner, () => Reflect.apply(value, target, args) as Promise<unknown>));
      },
    });
  }

  private write(owner: Process, write: () => Promise<unknown>): Promise<unknown> {
    return new Promise((done) => {
      this.waiting.push({ owner, write, done });
      if (!this.isFlushing) this.flushLater();
    });
  }

  private flushLater(): void {
    this.isFlushing = true;
    const { stall, stallMsMax } = this.faults();
    const isStalled = this.random.happens(stall);
    if (isStalled) this.count("disk stalled");
    const tookMs = isStalled ? stallMsMax : flushMsMax;
    this.clock.after(this.random.fraction() * tookMs, () => {
      const batch = this.waiting;
      this.waiting = [];
      for (const one of batch) this.writeNow(one);
      this.isFlushing = false;
      if (this.waiting.length > 0) this.flushLater();
    });
  }

  private writeNow({ owner, write, done }: Waiting): void {
    if (this.killAt?.before === true && this.written >= this.killAt.write) this.kill();
    if (owner.dead) return;
    this.written += 1;
    const answer = write();
    if (this.killAt?.before === false && this.written >= this.killAt.write) this.kill();
    done(answer);
  }

  private kill(): void {
    this.killAt?.kill();
    this.killAt = undefined;
  }
}
