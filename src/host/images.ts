/**
 * Images from files: whatever image archive lies in a folder is brought into containerd, at once and without a restart,
 * and each `*.txt` beside them lists images to pull. What is imported is pinned, so that garbage collection spares it.
 */
import { mkdirSync, readFileSync, readdirSync, statSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { own } from "#base/own.ts";
import { WorkQueue } from "#base/queue.ts";
import type { ContainerRuntime } from "./cri.ts";
import { importImages } from "./image-archive.ts";
import type { RuntimeBundle } from "./runtime-bundle.ts";

// A file that is still being copied here grows; one that has not for so long is whole.
const settledMs = 500;
const archiveName = /\.(?:tar|tgz|tar\.gz|tar\.zst)$/;

export interface ImageFolderOptions {
  readonly bundle: RuntimeBundle;
  /** `agent/images` of the data directory. */
  readonly folder: string;
  /** Remembers which files were imported; lies beside the images, so that it goes when they do. */
  readonly memory: string;
  readonly socket: string;
  readonly runtime: ContainerRuntime;
  /** Resolves while, or as soon as, containerd takes images. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** File name to its size and time of change when it was imported. */
type Imported = Record<string, string>;

export class ImageFolder implements Component {
  readonly name = "image-folder";
  private readonly options: ImageFolderOptions;
  private readonly taken = Promise.withResolvers<void>();

  constructor(options: ImageFolderOptions) {
    this.options = options;
  }

  /** Resolves once every archive that lay there at the start has been imported, or found to be broken. */
  get settled(): Promise<void> {
    return this.taken.promise;
  }

  /** One file after another, so that a large one does not slow the node down more than it must. */
  async run(signal: AbortSignal): Promise<void> {
    const { folder, clock } = this.options;
    mkdirSync(folder, { recursive: true });
    // Names wait here once each, however often a file changes.
    const queue = new WorkQueue(clock);
    using _watcher = this.watched(queue);
    const names = readdirSync(folder).sort();
    const archives = names.filter((name) => archiveName.test(name));
    // Archives first: pods wait for them, and a list may wait for a registry.
    for (const name of new Set([...archives, ...names])) queue.add(name);
    const missing = new Set(archives);
    try {
      for (;;) {
        if (missing.size === 0) this.taken.resolve();
        const name = await queue.next(signal);
        await this.options.ready(signal);
        const outcome = await this.take(name, queue, signal);
        queue.done(name);
        if (outcome === "taken") missing.delete(name);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      queue.close();
    }
  }

  /** Where nothing more can be watched, what lies there is taken at each start. */
  private watched(queue: WorkQueue): Disposable | undefined {
    const { folder, log } = this.options;
    const failed = (error: unknown): void =>
      log.error("image folder is not watched, what is put there is taken at the next start", {
        error: messageOf(error),
      });
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name !== null) queue.addAfter(name, settledMs);
      });
      watcher.on("error", failed);
      return { [Symbol.dispose]: () => watcher.close() };
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  /** Imports or pulls what the file says. A file that cannot be used is reported, and the next one is taken. */
  private async take(name: string, queue: WorkQueue, signal: AbortSignal): Promise<"taken" | "later"> {
    const { folder, clock, log } = this.options;
    const path = join(folder, name);
    const stamp = stampOf(path);
    const isList = name.endsWith(".txt");
    if (stamp === undefined || (!isList && !archiveName.test(name)) || own(this.imported(), name) === stamp.text)
      return "taken";
    const quietMs = clock.nowMs() - stamp.changedMs;
    // A file from the future is taken as it is: its time says nothing.
    if (quietMs >= 0 && quietMs < settledMs) {
      queue.addAfter(name, settledMs - quietMs);
      return "later";
    }
    const startMs = clock.monotonicMs();
    try {
      const images = isList ? await this.pull(path, signal) : await importImages(path, this.options, signal);
      this.remember(name, stamp.text);
      log.info(isList ? "images of list pulled" : "image archive imported", {
        file: path,
        images: images.join(" "),
        seconds: Math.round((clock.monotonicMs() - startMs) / 100) / 10,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      // Grown meanwhile.
      if (stampOf(path)?.text !== stamp.text) {
        queue.addAfter(name, settledMs);
        return "later";
      }
      log.error(isList ? "image list could not be pulled" : "image archive could not be imported", {
        file: path,
        error: messageOf(error),
      });
    }
    return "taken";
  }

  private async pull(path: string, signal: AbortSignal): Promise<readonly string[]> {
    const images = readFileSync(path, "utf8")
      .split("\n")
      .map((line) => line.replace(/#.*/, "").trim())
      .filter((line) => line !== "");
    const failures: string[] = [];
    for (const image of images)
      try {
        await this.options.runtime.pullImage({ image: { image } }, signal);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`${image}: ${messageOf(error)}`);
      }
    if (failures.length > 0) throw new Error(failures.join("; "));
    return images;
  }

  private imported(): Imported {
    try {
      // `remember` alone writes it; a wrong value only means importing once more.
      return JSON.parse(readFileSync(this.options.memory, "utf8")) as Imported;
    } catch {
      return {}; // Nothing was imported yet, or the note was cut short.
    }
  }

  private remember(name: string, stamp: string): void {
    const { folder, memory } = this.options;
    const here = new Set(readdirSync(folder));
    const kept = Object.entries(this.imported()).filter(([file]) => here.has(file));
    writeFileSync(memory, JSON.stringify({ ...Object.fromEntries(kept), [name]: stamp }));
  }
}

/** What tells a file from its next version; undefined when there is no file. */
function stampOf(path: string): { readonly text: string; readonly changedMs: number } | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? { text: `${stat.size} ${stat.mtimeMs}`, changedMs: stat.mtimeMs } : undefined;
}
