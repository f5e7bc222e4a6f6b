/** What the store and its storage thread say to each other. Answers come in the order of the questions. */
import type { Entry, Revision, StoreEvent } from "../store.ts";

/** What the thread is started with. */
export interface ThreadOptions {
  readonly path: string;
  /** A compaction that would forget fewer revisions than this leaves the disk alone. */
  readonly sweepRevisionsMin: number;
  /** Entries that are written anew after a crash, since lazy writes to them may be lost. */
  readonly renewed: readonly KeyRange[];
}

export interface KeyRange {
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
}

/** A write as it travels: the values of all writes of a batch are one buffer, which is handed over and not copied. */
export interface SentWrite {
  readonly kind: "create" | "update" | "delete";
  readonly key: string;
  readonly sizeBytes: number;
  readonly expected: Revision | undefined;
  readonly lazy: boolean;
}

export type Decision =
  | {
      readonly kind: "written";
      readonly revision: Revision;
      readonly createRevision: Revision;
      readonly previous: Entry | undefined;
    }
  /** The key is held by another state than expected. */
  | { readonly kind: "held"; readonly entry: Entry }
  | { readonly kind: "missing" };

export interface Batch {
  readonly writes: readonly SentWrite[];
  readonly values: Uint8Array<ArrayBuffer>;
}

export interface RangeStep {
  /** Inclusive, or exclusive when `afterFrom` is set. */
  readonly from: string;
  readonly afterFrom: boolean;
  readonly to: string;
  readonly limit: number;
  /** Absent for the newest. */
  readonly revision: Revision | undefined;
}

export interface CountStep {
  /** Exclusive. */
  readonly after: string;
  readonly to: string;
  readonly revision: Revision;
}

export interface HistoryStep {
  readonly from: string;
  readonly to: string;
  readonly afterRevision: Revision;
}

export interface Questions {
  /** All writes of the batch happen, or none with a failure. */
  readonly write: {
    readonly ask: Batch;
    readonly answer: {
      readonly decisions: readonly Decision[];
      readonly revision: Revision;
      /** Lazy writes that wait for a commit. */
      readonly uncommitted: number;
    };
  };
  /** Makes lazy writes durable. */
  readonly commit: { readonly ask: undefined; readonly answer: undefined };
  readonly get: { readonly ask: string; readonly answer: Entry | undefined };
  /** The next entries of a range: `last` is the key to go on after, unless the range is over. */
  readonly range: {
    readonly ask: RangeStep;
    readonly answer: {
      readonly entries: readonly Entry[];
      readonly revision: Revision;
      readonly last: string | undefined;
    };
  };
  /** How many of the next keys of a range are there: `last` is the key to go on after, unless the range is over. */
  readonly count: {
    readonly ask: CountStep;
    readonly answer: { readonly count: number; readonly last: string | undefined };
  };
  /** The next events of the past, complete through `through`. */
  readonly history: {
    readonly ask: HistoryStep;
    readonly answer: { readonly events: readonly StoreEvent[]; readonly through: Revision };
  };
  /** One small step of a compaction. */
  readonly compact: { readonly ask: Revision; readonly answer: { readonly more: boolean } };
  readonly size: {
    readonly ask: undefined;
    readonly answer: { readonly totalBytes: number; readonly liveBytes: number };
  };
  readonly close: { readonly ask: undefined; readonly answer: undefined };
}

export type QuestionKind = keyof Questions;
export type Ask<K extends QuestionKind> = Questions[K]["ask"];
export type Answer<K extends QuestionKind> = Questions[K]["answer"];

export interface Question {
  readonly kind: QuestionKind;
  readonly ask: unknown;
}

/** `failure` is a sentence for the user; `damaged` when it is for good, since the file's structure does not hold. */
export type Reply = { readonly answer: unknown } | { readonly failure: string; readonly damaged: boolean };

/** The first message of the thread. */
export type Opening =
  | { readonly revision: Revision; readonly compactedRevision: Revision }
  | { readonly failure: string };
