/**
 * Writers that lost a race for one object. No writer waits for another's turn: each reads the newest state, makes the
 * new one and writes it if nobody came in between. Those who lose again and again pause by chance, longer the more of
 * them there are, so that about one tries at a time and each wins soon; somebody wins every time.
 */
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";

/** About how long a write takes: losers spread over one of these each. */
const slotMs = 2;
const pauseMsMax = 1_000;
/** The first loss is usually the last: it is tried again at once. */
const lossesBeforePause = 1;

/** One writer that lost, until it is disposed of. */
export interface Loser extends Disposable {
  /** Resolves when the next try is due. @throws the signal's reason when the writer left. */
  pause(signal: AbortSignal): Promise<void>;
}

export class Races {
  private readonly clock: Clock;
  private readonly random: Random;
  // Losers that try again, by key: as many as there are requests under way at most.
  private readonly losers = new Map<string, number>();

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  /** For a writer that lost its first try. */
  lost(key: string): Loser {
    this.losers.set(key, this.losersOf(key) + 1);
    let losses = 0;
    return {
      pause: async (signal) => {
        signal.throwIfAborted();
        losses += 1;
        if (losses <= lossesBeforePause) return;
        const span = this.losersOf(key) * slotMs * losses;
        await this.clock.sleep(Math.min(span, pauseMsMax) * this.random.fraction(), signal);
      },
      [Symbol.dispose]: () => {
        const left = this.losersOf(key) - 1;
        if (left > 0) this.losers.set(key, left);
        else this.losers.delete(key);
      },
    };
  }

  private losersOf(key: string): number {
    return this.losers.get(key) ?? 0;
  }
}
