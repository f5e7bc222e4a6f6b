/** What becomes of the server when its store fails: a start ends, a running server says so and goes on while it can. */
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import { StartError } from "../data-folder.ts";

export class DiskTrouble {
  private readonly log: Log;
  private readonly life: AbortController;
  private isReady = false;
  private damage: Error | undefined;
  private fatal: Error | undefined;

  /** @param life Of the server: aborted when it cannot go on. */
  constructor(log: Log, life: AbortController) {
    this.log = log;
    this.life = life;
  }

  /** From now on damage does not end the server: what can be read is served. */
  ready(): void {
    this.isReady = true;
  }

  /** The file's structure does not hold. A start that needs it would only wait. */
  damaged(why: Error): void {
    this.damage = why;
    this.log.error("the database is damaged: no more writes are taken", { error: messageOf(why) });
    if (!this.isReady) this.broken(why);
  }

  /** The store is of no use any more. */
  broken(why: Error): void {
    this.fatal ??= why;
    this.life.abort(why);
  }

  /** The health check. @throws Error that says what is wrong */
  check(): void {
    if (this.damage) throw this.damage;
  }

  /** @throws StartError when the server ended for this */
  throwIfFatal(): void {
    if (this.fatal) throw new StartError(messageOf(this.fatal));
  }
}
