/**
 * How a resource was when a list was begun, for the list's later pages: while objects change, a page costs what it
 * returns. Beyond the limits a page is read from the store.
 */
import type { SortedView } from "#base/sorted-map.ts";
import type { Revision } from "#storage/store.ts";
import type { StoredObject } from "../stored-object.ts";
import type { History } from "./history.ts";

export const pastViewLimits = {
  /** As long as a list's token is good, at least. */
  keptMs: 5 * 60_000,
  /** Lists of one resource that are read page by page at one time. */
  viewsMax: 64,
  /** Values that are kept for views alone, of all resources. */
  totalBytesMax: 16 * 1024 * 1024,
} as const;

interface PastView {
  readonly revision: Revision;
  readonly view: SortedView<StoredObject>;
  readonly atMs: number;
  /** What had been superseded in all when it was taken. */
  readonly supersededBytes: number;
}

export class PastViews {
  private readonly history: History;
  // By rising revision.
  private views: PastView[] = [];
  private supersededBytes = 0;

  constructor(history: History) {
    this.history = history;
  }

  at(revision: Revision): SortedView<StoredObject> | undefined {
    return this.views.find((view) => view.revision === revision)?.view;
  }

  keep(revision: Revision, view: SortedView<StoredObject>): void {
    if (this.at(revision)) return;
    const { supersededBytes, history } = this;
    this.views.push({ revision, view, supersededBytes, atMs: history.clock.monotonicMs() });
    if (this.views.length > pastViewLimits.viewsMax) this.drop(1);
    history.holds(this);
  }

  /** Told what is no longer there, of which views may hold the last reference. */
  superseded(object: StoredObject): void {
    if (this.views.length === 0) return;
    const sizeBytes = object.entry.value.length;
    this.supersededBytes += sizeBytes;
    this.history.viewBytes += sizeBytes;
    while (this.views.length > 0 && this.history.viewBytes > pastViewLimits.totalBytesMax) this.drop(1);
  }

  /** Lets go of those that are too old. True when some are left. */
  expire(): boolean {
    const oldestMs = this.history.clock.monotonicMs() - pastViewLimits.keptMs;
    this.drop(this.views.filter(({ atMs }) => atMs <= oldestMs).length);
    return this.views.length > 0;
  }

  clear(): void {
    this.drop(this.views.length);
  }

  private drop(count: number): void {
    const before = this.heldBytes();
    this.views = this.views.slice(count);
    this.history.viewBytes -= before - this.heldBytes();
  }

  private heldBytes(): number {
    const oldest = this.views[0];
    return oldest ? this.supersededBytes - oldest.supersededBytes : 0;
  }
}
