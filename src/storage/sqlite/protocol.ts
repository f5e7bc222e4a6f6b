/** What the store and its storage thread say to each other. Answers come in the order of the questions. */
import type { Entry, PastEvent, Revision } from "../store.ts";

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
  /** All of the batch is decided, or nothing of it happens, with a failure. Encoded: see batch-format.ts. */
  readonly write: {
    readonly ask: Uint8Array<ArrayBuffer>;
    readonly answer: {
      readonly decisions: Float64Array<ArrayBuffer>;
      readonly revision: Revision;
      /** Lazy writes that wait for a commit. */
      readonly waiting: number;
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
    readonly answer: { readonly events: readonly PastEvent[]; readonly through: Revision };
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
