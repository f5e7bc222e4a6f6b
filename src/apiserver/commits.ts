/**
 * Writes of objects that change other keys with them. Each write of a namespace with a quota changes that quota: so that
 * they do not lose against one another, those that wait are put into one commit, each upon what those before it leave.
 * What another server wrote meanwhile shows as a conflict, and they are looked at anew.
 */
import { timeout } from "#machinery/status.ts";
import { absent, type CommitOutcome, type Entry, type Revision, type Store, type Write } from "#storage/store.ts";
import type { Companion } from "./access.ts";

/** What one commit may have. */
const togetherMax = 100;
const togetherBytesMax = 4 * 1024 * 1024;
/** Beyond this, writers of a namespace are told to come back. */
const waitingMax = 5_000;
/** A commit whose companions change under it this often is fought by something. */
const triesMax = 100;

interface Waiting {
  readonly own: Write;
  readonly companions: readonly Companion[];
  readonly done: (outcome: CommitOutcome | "lost") => void;
  readonly failed: (error: unknown) => void;
}

/** A companion's key as a commit finds and leaves it. */
interface Shared {
  readonly found: Entry | undefined;
  now: Entry | undefined;
}

type Staged = Map<string, Shared>;

export class Commits {
  private readonly store: Store;
  // Namespaces in which somebody waits: as many as there are requests under way at most.
  private readonly lines = new Map<string, Line>();

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * Writes `own`, which must be of no companion's key, together with what its companions say.
   *
   * @param namespace Those of one are put together; those of another never wait for them.
   * @returns A conflict of its own key, or "lost" when a companion says so.
   * @throws StatusError of the companion that refuses, StoreUnavailableError.
   */
  commit(namespace: string, own: Write, companions: readonly Companion[]): Promise<CommitOutcome | "lost"> {
    const line = this.lines.get(namespace) ?? new Line(this.store, () => this.lines.delete(namespace));
    this.lines.set(namespace, line);
    return line.commit(own, companions);
  }

  /** What `commit` would refuse. @throws as `commit` */
  async check(companions: readonly Companion[]): Promise<void> {
    const staged: Staged = new Map();
    for (const companion of companions) await stage(companion, staged, absent);
  }
}

class Line {
  private readonly store: Store;
  private readonly emptied: () => void;
  private waiting: Waiting[] = [];
  private working = false;

  /** @param emptied Called when nobody waits any more. */
  constructor(store: Store, emptied: () => void) {
    this.store = store;
    this.emptied = emptied;
  }

  commit(own: Write, companions: readonly Companion[]): Promise<CommitOutcome | "lost"> {
    if (this.waiting.length >= waitingMax)
      throw timeout(
        `expected at most ${waitingMax} writes of a namespace that wait for its quotas, found more; try again`,
      );
    return new Promise((done, failed) => {
      this.waiting.push({ own, companions, done, failed });
      if (!this.working) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.working = true;
    while (this.waiting.length > 0) {
      const together = this.takeNext();
      try {
        await this.commitTogether(together);
      } catch (error) {
        for (const { failed } of together) failed(error);
      }
    }
    this.working = false;
    this.emptied();
  }

  /** Those that wait, of different keys. */
  private takeNext(): Waiting[] {
    const taken = new Map<string, Waiting>();
    const left: Waiting[] = [];
    let bytes = 0;
    for (const one of this.waiting) {
      bytes += one.own.value?.length ?? 0;
      const fits = taken.size === 0 || (taken.size < togetherMax && bytes <= togetherBytesMax);
      if (fits && !taken.has(one.own.key)) taken.set(one.own.key, one);
      else left.push(one);
    }
    this.waiting = left;
    return [...taken.values()];
  }

  private async commitTogether(together: readonly Waiting[]): Promise<void> {
    let left = together;
    let seen: Revision = absent;
    for (let tries = 1; left.length > 0; tries += 1) {
      if (tries > triesMax + together.length)
        throw timeout(`what is written with the object was changed by others ${triesMax} times; try again`);
      const staged: Staged = new Map();
      left = await admitted(left, staged, seen);
      if (left.length === 0) return;
      const outcome = await this.store.commit([...left.map(({ own }) => own), ...changesOf(staged)]);
      if (outcome.kind === "committed") {
        for (const [at, { done }] of left.entries())
          done({ kind: "committed", revisions: outcome.revisions.slice(at, at + 1) });
        return;
      }
      seen = Math.max(seen, outcome.revision);
      left.find(({ own }) => own.key === outcome.key)?.done(outcome);
      left = left.filter(({ own }) => own.key !== outcome.key);
    }
  }
}

/** Those whose companions agree, in their order; the others are answered. */
async function admitted(together: readonly Waiting[], staged: Staged, seen: Revision): Promise<Waiting[]> {
  const agreed: Waiting[] = [];
  for (const waiting of together) {
    // Upon a copy: what one companion agreed to is nothing when the next one refuses.
    const mine: Staged = new Map();
    for (const { key } of waiting.companions) {
      const shared = staged.get(key);
      if (shared) mine.set(key, { ...shared });
    }
    try {
      let isLost = false;
      for (const companion of waiting.companions) isLost ||= await stage(companion, mine, seen);
      if (isLost) {
        waiting.done("lost");
        continue;
      }
      for (const [key, shared] of mine) staged.set(key, shared);
      agreed.push(waiting);
    } catch (error) {
      waiting.failed(error);
    }
  }
  return agreed;
}

/** True when the write is lost. */
async function stage(companion: Companion, staged: Staged, seen: Revision): Promise<boolean> {
  const { key } = companion;
  let shared = staged.get(key);
  if (!shared) {
    const found = await companion.held(seen);
    shared = { found, now: found };
    staged.set(key, shared);
  }
  const next = companion.next(shared.now);
  if (next === "lost") return true;
  if (next === "delete") shared.now = undefined;
  else if (next !== "keep") shared.now = { key, value: next, createRevision: absent, modRevision: absent };
  return false;
}

function changesOf(staged: Staged): Write[] {
  return [...staged].flatMap(([key, { found, now }]) =>
    found === now ? [] : [{ key, value: now?.value, expected: found?.modRevision ?? absent }],
  );
}
