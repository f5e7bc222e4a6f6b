/** What a store acknowledged over all its lives, and what it therefore must answer after each death. */
import assert from "node:assert/strict";
import { textOf } from "#base/bytes.ts";
import { prefixEnd, type Revision, revisionOf, type Store, type StoreEvent } from "../store.ts";

/** A write's value by name; "-" for a deletion. */
interface Written {
  readonly name: string;
  readonly revision: Revision;
  readonly durable: boolean;
}

const absent = "-";
const range = { from: "/kill/", to: prefixEnd("/kill/") };

export class Ledger {
  acknowledged = 0;
  // What each key had when the store was last checked, and every acknowledged write since, by rising revision.
  private readonly writes = new Map<string, Written[]>();
  // Writes that were begun and not acknowledged: they may have happened.
  private readonly begun = new Map<string, string>();
  // Names of writes that happened without having been acknowledged, over all lives.
  private readonly unsaid = new Set<string>();
  // No revision up to this one may be given again.
  private given: Revision = 0;

  /** Takes a line of the writer. */
  enter(line: string): void {
    const [word, key = "", third = "", fourth] = line.split(" ");
    if (word === "try") {
      this.begun.set(key, third);
      return;
    }
    const name = this.begun.get(key);
    assert(word === "done" && name !== undefined, `expected a line of the writer, found "${line}"`);
    this.begun.delete(key);
    const written = { name, revision: Number(third), durable: fourth === "durable" };
    const writes = this.writes.get(key) ?? [];
    this.writes.set(key, writes);
    assert(written.revision > this.floor, `revision "${third}" was given before`);
    assert(written.revision > (writes.at(-1)?.revision ?? 0), `revision "${third}" of "${key}" does not rise`);
    writes.push(written);
    this.given = Math.max(this.given, written.revision);
    this.acknowledged += 1;
  }

  // The store's revision when it was last checked.
  private floor: Revision = 0;

  /** Compares a store that was opened after a death. */
  async check(store: Store): Promise<void> {
    assert(store.revision >= this.given, `the store is at "${store.revision}" and gave "${this.given}" before`);
    const history = await historyOf(store);
    const { entries } = await store.range(range);
    // The disk holds a prefix of history: all that was acknowledged up to here must be there, lazy or not.
    // A compaction makes durable what it looks at, and forgets a deletion that came last.
    const seen = [...history.map(revisionOf), ...entries.map(({ modRevision }) => modRevision)];
    const end = Math.max(store.compactedRevision, ...seen);
    const held = new Map(entries.map((entry) => [entry.key, entry]));
    for (const key of new Set([...this.writes.keys(), ...this.begun.keys(), ...held.keys()])) {
      const entry = held.get(key);
      this.checkKey({ key, name: entry ? nameOf(entry.value) : absent, revision: entry?.modRevision ?? 0, end });
    }
    this.checkHistory(history, { oldest: store.compactedRevision, end });
    for (const [key, writes] of this.writes) this.writes.set(key, writes.slice(-1));
    this.begun.clear();
    this.floor = store.revision;
  }

  /** The key has its last acknowledged write, or the one that was under way. */
  private checkKey(found: {
    readonly key: string;
    readonly name: string;
    readonly revision: Revision;
    readonly end: Revision;
  }): void {
    const writes = this.writes.get(found.key) ?? [];
    for (const { durable, name, revision } of writes)
      assert(
        !durable || revision <= found.end,
        `the durable write "${name}" of "${found.key}" at "${revision}" is lost: the log ends at "${found.end}"`,
      );
    const kept = writes.filter(({ revision }) => revision <= found.end);
    const last = kept.at(-1);
    const asAcknowledged =
      found.name === (last?.name ?? absent) && (found.name === absent || found.revision === last?.revision);
    const underWay = found.name === this.begun.get(found.key);
    assert(
      asAcknowledged || underWay,
      `"${found.key}" has "${found.name}" at "${found.revision}", not ${JSON.stringify(last)}`,
    );
    // What survived is what the next life starts from.
    if (!asAcknowledged) {
      this.unsaid.add(found.name);
      kept.push({
        name: found.name,
        revision: found.name === absent ? (last?.revision ?? 0) : found.revision,
        durable: true,
      });
    }
    this.writes.set(found.key, kept);
  }

  /** Every acknowledged write of the stretch is in the history once, and nothing else but what was under way. */
  private checkHistory(
    history: readonly StoreEvent[],
    stretch: { readonly oldest: Revision; readonly end: Revision },
  ): void {
    const events = new Map(history.map((event) => [revisionOf(event), event]));
    assert.equal(events.size, history.length, "a revision is in the history twice");
    for (const [key, writes] of this.writes) {
      for (const { name, revision } of writes) {
        if (revision <= stretch.oldest || revision > stretch.end || this.unsaid.has(name)) continue;
        const event = events.get(revision);
        const found =
          event?.kind === "put" ? `${event.entry.key} ${nameOf(event.entry.value)}` : `${event?.key} ${absent}`;
        assert.equal(found, `${key} ${name}`, `revision "${revision}" is not in the history`);
      }
    }
  }
}

async function historyOf(store: Store): Promise<StoreEvent[]> {
  const history: StoreEvent[] = [];
  const ending = new AbortController();
  const request = { ...range, afterRevision: store.compactedRevision };
  await store.watch(request, (events) => history.push(...events), ending.signal);
  ending.abort();
  return history;
}

function nameOf(value: Uint8Array): string {
  return textOf(value).split(" ")[0] ?? "";
}
