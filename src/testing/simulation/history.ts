/**
 * The truth about a run: every write that came to pass, as the store tells its watchers, and what there is after each.
 * Objects are read from the bytes that the API server stored, so that nothing of the server stands in between.
 */
import { textOf } from "#base/bytes.ts";
import { createHash, type Hash } from "node:crypto";
import { keyText, parseKey, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { catalogue } from "#resources/catalogue.ts";
import { prefixEnd, type Entry, type Store, type StoreEvent } from "#storage/store.ts";
import type { Clock } from "#base/clock.ts";

/** One write. */
export interface Change {
  readonly revision: number;
  readonly atMs: number;
  /** E.g. "deployments.apps". */
  readonly resource: string;
  readonly key: ObjectKey;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

const root = "/registry/";

const nothing: ReadonlyMap<string, KubeObject> = new Map();

export class History {
  readonly changes: Change[] = [];
  private readonly objects = new Map<string, Map<string, KubeObject>>();
  private readonly uids = new Map<string, KubeObject>();
  private readonly byRevision = new Map<number, Change>();
  private readonly newestOf = new Map<string, Change>();
  // By what was asked for, who waits for the answer.
  private readonly asked = new Map<string, string[]>();
  private readonly listeners: ((change: Change) => void)[] = [];
  private readonly sum: Hash = createHash("sha256");
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async follow(store: Store): Promise<void> {
    const range = { from: root, to: prefixEnd(root), afterRevision: store.revision };
    await store.watch(range, (events) => this.takeAll(events), new AbortController().signal);
  }

  onChange(listener: (change: Change) => void): void {
    this.listeners.push(listener);
  }

  get revision(): number {
    return this.changes.at(-1)?.revision ?? 0;
  }

  get<T extends KubeObject>({ id }: ResourceDefinition<T>, key: ObjectKey): T | undefined {
    // Holds because only objects of a resource are stored under its prefix.
    return this.objects.get(id)?.get(keyText(key)) as T | undefined;
  }

  all<T extends KubeObject>({ id }: ResourceDefinition<T>, namespace = ""): readonly T[] {
    const found = [...(this.objects.get(id) ?? nothing).values()];
    // Holds as in `get`.
    return (namespace === ""
      ? found
      : found.filter((one) => one.metadata.namespace === namespace)) as unknown as readonly T[];
  }

  /** The object with that uid, while it is there. */
  byUid(uid: string): KubeObject | undefined {
    return this.uids.get(uid);
  }

  /** Every object there is, of whatever kind. */
  *everything(): Generator<readonly [resource: string, object: KubeObject]> {
    for (const [resource, objects] of this.objects) for (const object of objects.values()) yield [resource, object];
  }

  /** The write of that revision. */
  at(revision: number): Change | undefined {
    return this.byRevision.get(revision);
  }

  /** The last write of an object. */
  newest(resource: string, key: ObjectKey): Change | undefined {
    return this.newestOf.get(`${resource} ${keyText(key)}`);
  }

  /** Writes of a resource after one revision, up to another. */
  between(resource: string, after: number, upTo: number): readonly Change[] {
    const found: Change[] = [];
    for (let at = this.changes.length - 1; at >= 0; at -= 1) {
      const change = this.changes[at];
      if (!change || change.revision <= after) break;
      if (change.revision <= upTo && change.resource === resource) found.push(change);
    }
    return found.toReversed();
  }

  /** What there was at a revision, by its key. */
  snapshot(
    resource: string,
    revision: number,
    selects: (object: KubeObject) => boolean,
  ): ReadonlyMap<string, KubeObject> {
    const there = new Map(this.objects.get(resource));
    for (const { key, before } of this.between(resource, revision, Infinity).toReversed()) {
      if (before) there.set(keyText(key), before);
      else there.delete(keyText(key));
    }
    return new Map([...there].filter(([, object]) => selects(object)));
  }

  /** Somebody asks for something, e.g. "delete pods default/web", until the answer is there. */
  asks(what: string, who: string): Disposable {
    this.asked.set(what, [...(this.asked.get(what) ?? []), who]);
    const answered = (): void => {
      const [...waiting] = this.asked.get(what) ?? [];
      waiting.splice(waiting.indexOf(who), 1);
      if (waiting.length > 0) this.asked.set(what, waiting);
      else this.asked.delete(what);
    };
    return { [Symbol.dispose]: answered };
  }

  /** Who waits for an answer to that. */
  askedBy(what: string): readonly string[] {
    return this.asked.get(what) ?? [];
  }

  /** Nobody gets an answer any more. */
  forgetAsked(): void {
    this.asked.clear();
  }

  /** Something that is no write, and still part of what makes a run the same run. */
  note(line: string): void {
    this.sum.update(`${this.clock.nowMs()} ${line}\n`);
  }

  /** The same for the same run, byte by byte. */
  digest(): string {
    return this.sum.copy().digest("hex");
  }

  /** What was written together is looked at when all of it is there. */
  private takeAll(events: readonly StoreEvent[]): void {
    for (const change of events.map((event) => this.take(event)))
      for (const listener of this.listeners) listener(change);
  }

  private take(event: StoreEvent): Change {
    const { key, revision } = event.kind === "put" ? { ...event.entry, revision: event.entry.modRevision } : event;
    const [resource, rest] = resourceOf(key);
    const known = this.objects.get(resource) ?? new Map<string, KubeObject>();
    this.objects.set(resource, known);
    const before = known.get(rest);
    const after = event.kind === "put" ? objectOf(event.entry) : undefined;
    if (before) this.uids.delete(before.metadata.uid ?? "");
    if (after) {
      known.set(rest, after);
      this.uids.set(after.metadata.uid ?? "", after);
    } else known.delete(rest);
    this.sum.update(`${this.clock.nowMs()} ${revision} ${key} `);
    if (event.kind === "put") this.sum.update(event.entry.value);
    const change = { revision, atMs: this.clock.nowMs(), resource, key: parseKey(rest), before, after };
    this.changes.push(change);
    this.byRevision.set(revision, change);
    this.newestOf.set(`${resource} ${rest}`, change);
    return change;
  }
}

/** By the prefix of their keys: "pods/", "apps/deployments/". */
const prefixes: readonly (readonly [string, string])[] = catalogue.map(({ group, plural, id }) => [
  group === "" ? `${plural}/` : `${group}/${plural}/`,
  id,
]);

function resourceOf(key: string): readonly [resource: string, rest: string] {
  const path = key.slice(root.length);
  const known = prefixes.find(([prefix]) => path.startsWith(prefix));
  if (known) return [known[1], path.slice(known[0].length)];
  // A custom resource: "example.com/toys/default/bear".
  const [group = "", plural = "", ...rest] = path.split("/");
  return [`${plural}.${group}`, rest.join("/")];
}

function objectOf(entry: Entry): KubeObject {
  // Holds because only objects are stored; those of this run were all written by it.
  const stored = JSON.parse(textOf(entry.value)) as KubeObject;
  return { ...stored, metadata: { ...stored.metadata, resourceVersion: String(entry.modRevision) } };
}
