/**
 * Random histories: the same commands go to the store and to a model that is too simple to be wrong, a list of all
 * events. Afterwards every state and every event of the past is compared.
 */
import assert from "node:assert/strict";
import {
  type Arbitrary,
  array,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  oneof,
  record,
  string,
  uniqueArray,
} from "fast-check";
import { textOf, utf8 } from "#base/bytes.ts";
import {
  absent,
  CompactedError,
  type Entry,
  keyOf,
  type PastEvent,
  type Revision,
  revisionOf,
  type Store,
  type StoreEvent,
} from "../store.ts";
import { remove, update } from "./one-key.ts";

type Command =
  | { readonly kind: "create"; readonly key: string; readonly value: string; readonly lazy: boolean }
  | {
      readonly kind: "update";
      readonly key: string;
      readonly value: string;
      readonly lazy: boolean;
      readonly right: boolean;
    }
  | { readonly kind: "delete"; readonly key: string; readonly right: boolean }
  /** Puts one key and deletes or makes the other, together: both are right, or one is not. */
  | {
      readonly kind: "pair";
      readonly key: string;
      readonly value: string;
      readonly lazy: boolean;
      readonly right: boolean;
    }
  /** Forgets this share of the history. */
  | { readonly kind: "compact"; readonly share: number }
  /** Starts a watcher this share of the history back. */
  | { readonly kind: "watch"; readonly share: number };

const key = constantFrom("/a/1", "/a/2", "/a/3", "/b/1", "/b/é", "/c");
const value = string({ maxLength: 12 });
const lazy = boolean();
const right = integer({ min: 0, max: 9 }).map((chance) => chance > 0);
const share = double({ min: 0, max: 1, noNaN: true });

/** Groups of commands: those of one group run at the same time, on different keys. */
export const commands: Arbitrary<readonly (readonly Command[])[]> = array(
  uniqueArray(
    oneof(
      { weight: 4, arbitrary: record({ kind: constant("create" as const), key, value, lazy }) },
      { weight: 6, arbitrary: record({ kind: constant("update" as const), key, value, lazy, right }) },
      { weight: 3, arbitrary: record({ kind: constant("delete" as const), key, right }) },
      { weight: 3, arbitrary: record({ kind: constant("pair" as const), key, value, lazy, right }) },
      { weight: 1, arbitrary: record({ kind: constant("compact" as const), share }) },
      { weight: 1, arbitrary: record({ kind: constant("watch" as const), share }) },
    ) satisfies Arbitrary<Command>,
    { minLength: 1, maxLength: 6, selector: (command) => ("key" in command ? command.key : command.kind) },
  ),
  { minLength: 1, maxLength: 40 },
);

const everything = { from: "/", to: "0" };
const some = { from: "/a/", to: "/b/" };

interface Watched {
  readonly after: Revision;
  readonly events: StoreEvent[];
}

interface Play {
  readonly store: Store;
  // What a watcher from the start was told: the history.
  readonly history: StoreEvent[];
  readonly watched: Watched[];
}

/** Plays the commands and compares. Throws where the store differs. */
export async function checkHistory(store: Store, groups: readonly (readonly Command[])[]): Promise<void> {
  const ending = new AbortController();
  const play: Play = { store, history: [], watched: [] };
  await store.watch({ ...everything, afterRevision: 0 }, (events) => play.history.push(...events), ending.signal);
  const first = store.revision;
  for (const group of groups) await Promise.all(group.map((command) => run(play, command, ending.signal)));
  checkEvents(play.history, first);
  for (const { after, events } of play.watched)
    assert.deepEqual(
      events.map(plain),
      play.history.filter((event) => revisionOf(event) > after && isSome(event)).map(plain),
    );
  await checkPast(play, ending.signal);
  ending.abort();
}

async function run(play: Play, command: Command, signal: AbortSignal): Promise<void> {
  const { store, history } = play;
  if (command.kind === "compact") {
    await store.compact(backBy(store, command.share));
    return;
  }
  if (command.kind === "watch") {
    const watched: Watched = { after: backBy(store, command.share), events: [] };
    play.watched.push(watched);
    const request = { ...some, afterRevision: watched.after };
    await store.watch(request, (events) => watched.events.push(...events), signal);
    return;
  }
  if (command.kind === "pair") return runPair(play, command);
  // Nobody else writes this key meanwhile.
  const held = stateAt(history, store.revision).get(command.key);
  const told = history.length;
  const kind = await write(store, command, held);
  const event = history.slice(told).find((event) => keyOf(event) === command.key);
  assert.equal(kind, expectedKind(command, held));
  assert.equal(event !== undefined, kind === "created" || kind === "updated" || kind === "deleted");
  if (event?.kind === "put") assert.equal(textOf(event.entry.value), "value" in command ? command.value : undefined);
  assert.equal(event?.previousRevision, event && (held?.modRevision ?? absent));
  const after = event?.kind === "put" ? event.entry : event ? undefined : held;
  assert.deepEqual(await store.get(command.key), after);
}

type PairCommand = Extract<Command, { readonly kind: "pair" }>;
type WriteCommand = Exclude<Extract<Command, { readonly key: string }>, PairCommand>;

/** Puts a key and makes or deletes its twin, which only this command writes. */
async function runPair({ store, history }: Play, command: PairCommand): Promise<void> {
  const before = stateAt(history, store.revision);
  const twinKey = `${command.key}+`;
  const [held, twin] = [before.get(command.key), before.get(twinKey)];
  const told = history.length;
  const outcome = await store.commit(
    [
      { key: command.key, value: utf8(command.value), expected: held?.modRevision ?? absent },
      {
        key: twinKey,
        value: twin ? undefined : utf8("twin"),
        expected: command.right ? (twin?.modRevision ?? absent) : (twin?.modRevision ?? 0) + 1,
      },
    ],
    { durability: command.lazy ? "lazy" : "durable" },
  );
  const events = history.slice(told).filter((event) => [command.key, twinKey].includes(keyOf(event)));
  const after = await Promise.all([store.get(command.key), store.get(twinKey)]);
  if (!command.right) {
    assert.deepEqual(outcome, { kind: "conflict", key: twinKey, revision: twin?.modRevision ?? absent });
    assert.deepEqual([events, after], [[], [held, twin]]);
    return;
  }
  assert.deepEqual(outcome, { kind: "committed", revisions: events.map(revisionOf) });
  assert.deepEqual(events.map(keyOf), [command.key, twinKey]);
  assert.deepEqual([textOf(after[0]?.value ?? new Uint8Array()), after[1] !== undefined], [command.value, !twin]);
}

async function write(store: Store, command: WriteCommand, held: Entry | undefined): Promise<string> {
  const durability = "lazy" in command && command.lazy ? "lazy" : "durable";
  if (command.kind === "create")
    return (await update(store, { key: command.key, value: utf8(command.value), expected: absent }, { durability }))
      .kind;
  const expected = (held?.modRevision ?? 1) + (command.right ? 0 : 1);
  if (command.kind === "delete") return (await remove(store, command.key, expected)).kind;
  return (await update(store, { key: command.key, value: utf8(command.value), expected }, { durability })).kind;
}

function expectedKind(command: WriteCommand, held: Entry | undefined): string {
  if (command.kind === "create") return held ? "exists" : "created";
  if (!held) return "missing";
  return command.right ? `${command.kind}d` : "conflict";
}

/** Revisions rise, and every event continues the state of its key. */
function checkEvents(history: readonly StoreEvent[], first: Revision): void {
  let last = first;
  const state = new Map<string, Entry>();
  for (const event of history) {
    assert(revisionOf(event) > last);
    last = revisionOf(event);
    const previous = state.get(keyOf(event));
    assert.equal(event.previousRevision, previous?.modRevision ?? absent);
    if (event.kind === "put") {
      assert.equal(event.entry.createRevision, previous?.createRevision ?? event.entry.modRevision);
      state.set(event.entry.key, event.entry);
    } else state.delete(event.key);
  }
}

/** Every revision that is left answers as the model does; every one that is gone refuses. */
async function checkPast({ store, history }: Play, signal: AbortSignal): Promise<void> {
  const revisions = [...new Set([store.compactedRevision, ...history.map(revisionOf)])];
  for (const revision of revisions) {
    if (revision < store.compactedRevision) {
      await assert.rejects(store.range({ ...some, revision }), CompactedError);
      continue;
    }
    const expected = [...stateAt(history, revision).values()].filter(({ key }) => some.from <= key && key < some.to);
    const sorted = expected.sort((a, b) => (a.key < b.key ? -1 : 1));
    assert.deepEqual(await store.range({ ...some, revision }), { entries: sorted, remaining: 0, revision });
    const cut = await store.range({ ...some, revision, limit: 1 });
    assert.deepEqual(cut, { entries: sorted.slice(0, 1), remaining: Math.max(sorted.length - 1, 0), revision });
  }
  const replayed: StoreEvent[] = [];
  const request = { ...everything, afterRevision: store.compactedRevision };
  await store.watch(request, (events) => replayed.push(...events), signal);
  const left = history.filter((event) => revisionOf(event) > store.compactedRevision);
  assert.deepEqual(replayed.map(plain), left.map(plain));
  await checkReplaced(store, history, left);
}

/** The past also tells what each event replaced. */
async function checkReplaced(store: Store, history: readonly StoreEvent[], left: readonly StoreEvent[]): Promise<void> {
  const told: PastEvent[] = [];
  for (let at = store.compactedRevision; at < store.revision;) {
    const { events, through } = await store.history({ ...everything, afterRevision: at });
    assert(through > at);
    told.push(...events);
    at = through;
  }
  assert.deepEqual(told.map(plain), left.map(plain));
  for (const event of told) assert.deepEqual(event.previous, stateAt(history, revisionOf(event) - 1).get(keyOf(event)));
}

/** What a live watcher is told of an event. */
function plain(event: StoreEvent): StoreEvent {
  const { previousRevision } = event;
  if (event.kind === "put") return { kind: "put", entry: event.entry, previousRevision };
  return { kind: "deleted", key: event.key, revision: event.revision, previousRevision };
}

function stateAt(history: readonly StoreEvent[], revision: Revision): Map<string, Entry> {
  const state = new Map<string, Entry>();
  for (const event of history) {
    if (revisionOf(event) > revision) break;
    if (event.kind === "put") state.set(event.entry.key, event.entry);
    else state.delete(event.key);
  }
  return state;
}

function backBy(store: Store, share: number): Revision {
  return store.compactedRevision + Math.floor((store.revision - store.compactedRevision) * share);
}

function isSome(event: StoreEvent): boolean {
  return some.from <= keyOf(event) && keyOf(event) < some.to;
}
