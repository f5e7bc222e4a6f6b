/**
 * Speaks with a store in lines, for golden files: commands, `----`, what came back. Watchers are named and tell what
 * they saw since they were last asked.
 */
import { textOf, utf8 } from "#base/bytes.ts";
import {
  absent,
  CompactedError,
  type Entry,
  FutureRevisionError,
  prefixEnd,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
  type Write,
} from "../store.ts";
import { type Outcome, remove, update } from "./one-key.ts";

interface Watcher {
  readonly seen: string[];
  readonly ending: AbortController;
}

/** The conversation with the store's answers in place of those of `script`. */
export async function converse(store: Store, script: string): Promise<string> {
  const watchers = new Map<string, Watcher>();
  const parts: string[] = [];
  for (const part of script.trimEnd().split("\n\n")) {
    const [commands = ""] = part.split("\n----");
    const answers: string[] = [];
    for (const line of commands.split("\n").filter((line) => !line.startsWith("#")))
      answers.push(await answerTo(store, line, watchers));
    parts.push(`${commands}\n----\n${answers.join("\n")}`);
  }
  return `${parts.join("\n\n")}\n`;
}

/** What the store answers to one line. */
export async function answerTo(store: Store, line: string, watchers = new Map<string, Watcher>()): Promise<string> {
  const [command = "", ...words] = line.split(" ");
  try {
    return command === "watch" || command === "seen" || command === "stop"
      ? await answerToWatch(store, { command, words, watchers })
      : await answerToWord(store, command, words);
  } catch (error) {
    const refusals = [CompactedError, FutureRevisionError, StoreUnavailableError];
    if (error instanceof Error && refusals.some((refusal) => error instanceof refusal))
      return `refused: ${error.message}`;
    throw error;
  }
}

async function answerToWord(store: Store, command: string, words: readonly string[]): Promise<string> {
  const [key = "", first = "", second = "", third] = words;
  const durability = third === "lazy" || second === "lazy" ? "lazy" : "durable";
  switch (command) {
    case "create":
      return outcomeLine(await update(store, { key: key, value: utf8(first), expected: absent }, { durability }));
    case "update":
      return outcomeLine(
        await update(store, { key, value: utf8(first), expected: Number(second.slice(1)) }, { durability }),
      );
    case "delete":
      return outcomeLine(await remove(store, key, first === "" ? undefined : Number(first.slice(1))));
    case "get": {
      const entry = await store.get(key);
      return entry ? entryLine(entry) : "missing";
    }
    case "commit":
      return commitLines(store, words);
    case "history":
      return historyLines(store, key, first);
    case "range":
      return rangeLines(store, key, words.slice(1));
    case "compact":
      await store.compact(Number(key));
      return `oldest ${store.compactedRevision}`;
    case "revision":
      return `revision ${store.revision}`;
    default:
      throw new Error(`expected a command of a conversation, found "${command}"`);
  }
}

async function answerToWatch(
  store: Store,
  line: {
    readonly command: "watch" | "seen" | "stop";
    readonly words: readonly string[];
    readonly watchers: Map<string, Watcher>;
  },
): Promise<string> {
  const [name = "", prefix = "", after = ""] = line.words;
  if (line.command === "watch") {
    const watcher: Watcher = { seen: [], ending: new AbortController() };
    line.watchers.set(name, watcher);
    const request = { from: prefix, to: prefixEnd(prefix), afterRevision: Number(after.slice(1)) };
    await store.watch(request, (events) => watcher.seen.push(...events.map(eventLine)), watcher.ending.signal);
    return "watching";
  }
  const watcher = line.watchers.get(name);
  if (!watcher) throw new Error(`expected a watcher that was started, found "${name}"`);
  if (line.command === "seen") return watcher.seen.splice(0).join("\n") || "nothing";
  watcher.ending.abort();
  return "stopped";
}

/** `range PREFIX [limit N] [at @R]` */
async function rangeLines(store: Store, prefix: string, words: readonly string[]): Promise<string> {
  const limit = words.indexOf("limit");
  const at = words.indexOf("at");
  const answer = await store.range({
    from: prefix,
    to: prefixEnd(prefix),
    ...(limit >= 0 && { limit: Number(words[limit + 1]) }),
    ...(at >= 0 && { revision: Number(words[at + 1]?.slice(1)) }),
  });
  const end = `${answer.entries.length} entries, ${answer.remaining} more, revision ${answer.revision}`;
  return [...answer.entries.map(entryLine), end].join("\n");
}

function outcomeLine({ kind, revision }: Outcome): string {
  return revision === absent ? kind : `${kind} @${revision}`;
}

function entryLine({ key, value, createRevision, modRevision }: Entry): string {
  return `${key}="${textOf(value)}" @${modRevision} created @${createRevision}`;
}

function eventLine(event: StoreEvent): string {
  const { previousRevision } = event;
  const was = previousRevision === absent ? "" : `, was @${previousRevision}`;
  return event.kind === "put" ? `put ${entryLine(event.entry)}${was}` : `deleted ${event.key} @${event.revision}${was}`;
}

/** `commit KEY=VALUE@REVISION KEY@REVISION …`: without a value the key is deleted. */
async function commitLines(store: Store, words: readonly string[]): Promise<string> {
  const isLazy = words.at(-1) === "lazy";
  const writes = (isLazy ? words.slice(0, -1) : words).map((word): Write => {
    const [, key = "", value, revision] = /^([^=@]+)(?:=([^@]*))?@(\d+)$/.exec(word) ?? [];
    return { key, value: value === undefined ? undefined : utf8(value), expected: Number(revision) };
  });
  const outcome = await store.commit(writes, { durability: isLazy ? "lazy" : "durable" });
  if (outcome.kind === "conflict") return `conflict: ${outcome.key} @${outcome.revision}`;
  return `committed ${outcome.revisions.map((revision) => `@${revision}`).join(" ")}`;
}

/** `history PREFIX @REVISION`: in as many steps as it takes. */
async function historyLines(store: Store, prefix: string, after: string): Promise<string> {
  const lines: string[] = [];
  for (let afterRevision = Number(after.slice(1)); ;) {
    const { events, through } = await store.history({ from: prefix, to: prefixEnd(prefix), afterRevision });
    for (const event of events)
      lines.push(`${eventLine(event)}${event.previous ? `: ${entryLine(event.previous)}` : ""}`);
    if (through === store.revision) return lines.join("\n") || "nothing";
    afterRevision = through;
  }
}
