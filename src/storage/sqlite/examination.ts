/** Looks at everything in a database, however damaged it is: what is wrong, in sentences, and what is sound. */
import type { DatabaseSync } from "node:sqlite";
import type { Revision } from "../store.ts";
import { Counters } from "./counters.ts";
import { isDamage } from "./failures.ts";
import type { Mark } from "./high-water.ts";
import { HeldKeys } from "./held-keys.ts";
import { LogTable, type ReadRow } from "./log-table.ts";
import { type Gap, salvage } from "./salvage.ts";

/** Sentences of SQLite about pages: the first ones tell enough. */
const structureLinesMax = 20;

export interface Examination {
  /** What is wrong, in sentences. */
  readonly findings: readonly string[];
  readonly rows: number;
  /** The newest sound row of each key. */
  readonly sound: HeldKeys;
  /** No revision up to this one may be given again. */
  readonly given: Revision;
}

/** @param faultOf Says what is wrong with a value, for whoever knows what values are. */
export function examine(
  database: DatabaseSync,
  mark: Mark | undefined,
  faultOf: (key: string, value: Uint8Array) => string | undefined,
): Examination {
  const findings = structureOf(database);
  const table = new LogTable(database);
  const counters = new Counters(database);
  const [last, reserved, compacted] = [
    orDamage(() => table.last().revision),
    orDamage(() => counters.get("reserved")),
    orDamage(() => counters.get("compacted")),
  ];
  const most = Math.max(last ?? 0, reserved ?? 0, mark?.revision ?? 0, mark?.reserved ?? 0);
  const gaps: Gap[] = [];
  const sound = new HeldKeys();
  const harmed: ReadRow[] = [];
  let rows = 0;
  let newest = 0;
  for (const row of salvage(table, most, gaps)) {
    rows += 1;
    newest = row.revision;
    if (row.entry?.damage !== undefined) harmed.push(row);
    else take(sound, row);
  }
  for (const { after, before } of gaps)
    findings.push(`what was written between the revisions "${after}" and "${before ?? "the end"}" cannot be read`);
  for (const { key, revision } of harmed) {
    const now = sound.get(Buffer.from(key));
    const what = now && now.modRevision > revision ? "a past state of" : "what is stored as";
    findings.push(`${what} ${JSON.stringify(key)}, of revision "${revision}", is not as it was written`);
  }
  if (mark && newest < mark.revision)
    findings.push(`the log ends at revision "${newest}", and writes up to "${mark.revision}" were acknowledged`);
  if (compacted !== undefined && compacted > most)
    findings.push(`revision "${compacted}" is said to be forgotten, and the newest is "${most}"`);
  for (const { key, held } of sound.from(new Uint8Array(0))) {
    const value =
      held.sizeBytes === undefined ? undefined : orDamage(() => table.read(held.modRevision, key)?.entry?.value);
    const fault = value && faultOf(key, value);
    if (fault !== undefined) findings.push(`the object ${JSON.stringify(key)} cannot be read: ${fault}`);
  }
  return { findings, rows, sound, given: Math.max(most, newest) };
}

/** Rows come by rising revision. */
function take(sound: HeldKeys, { key, revision, entry }: ReadRow): void {
  sound.set(Buffer.from(key), {
    modRevision: revision,
    createRevision: entry?.createRevision ?? revision,
    sizeBytes: entry && key.length + entry.value.length,
  });
}

function structureOf(database: DatabaseSync): string[] {
  try {
    const lines = database.prepare(`PRAGMA integrity_check(${structureLinesMax})`).all();
    return lines
      .map((line) => String(Object.values(line)[0]))
      .filter((line) => line !== "ok")
      .map((line) => `SQLite says of the file: ${line}`);
  } catch (error) {
    if (!isDamage(error) || !(error instanceof Error)) throw error;
    return [`SQLite says of the file: ${error.message}`];
  }
}

/** Undefined when the pages it needs are damaged. */
function orDamage<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}
