/**
 * Making room on the disk: images nobody uses go, the longest unused first, once the disk is too full.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/#containers-images
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { ContainerRuntime, Image } from "#host/cri.ts";
import type { Files } from "#host/files.ts";
import type { Images } from "./images.ts";

export interface ImageGcParts {
  readonly runtime: ContainerRuntime;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly images: Images;
  readonly rootFolder: string;
  readonly highPercent: number;
  readonly lowPercent: number;
}

const lookMs = 300_000;
// An image that was just pulled is about to be used.
const ageMsMin = 120_000;

export interface ImageUse {
  readonly image: Image;
  readonly usedAtMs: number;
}

/** In the order in which they go. */
export function longestUnusedFirst(unused: readonly ImageUse[]): readonly Image[] {
  return unused.toSorted((a, b) => a.usedAtMs - b.usedAtMs).map(({ image }) => image);
}

export class ImageGc {
  private readonly parts: ImageGcParts;
  /** When each image was first seen here, by id. */
  private readonly seenAtMs = new Map<string, number>();

  constructor(parts: ImageGcParts) {
    this.parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    while (!signal.aborted) {
      await clock.sleep(lookMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.collect(signal);
      } catch (error) {
        if (!signal.aborted) log.warn("images not collected", { error: messageOf(error) });
      }
    }
  }

  /** Removes images when the disk is fuller than the upper threshold, or `now`, until the lower one is reached. */
  async collect(signal: AbortSignal, now = false): Promise<void> {
    const { files, rootFolder, highPercent, lowPercent, runtime, log } = this.parts;
    const { capacityBytes, availableBytes } = await files.space(rootFolder);
    const unused = await this.unused(signal);
    const usedPercent = 100 - (availableBytes * 100) / capacityBytes;
    if (usedPercent < highPercent && !now) return;
    const bytes = (capacityBytes * (100 - lowPercent)) / 100 - availableBytes;
    let left = bytes;
    for (const image of longestUnusedFirst(unused)) {
      if (left <= 0) break;
      const name = image.repoTags[0] ?? image.id;
      try {
        log.info("removing an unused image", { image: name });
        await runtime.removeImage({ image: image.id }, signal);
        this.seenAtMs.delete(image.id);
        left -= image.size;
      } catch (error) {
        // One that stays, as one that just came into use, leaves room to be made by the others.
        signal.throwIfAborted();
        log.warn("image not removed", { image: name, error: messageOf(error) });
      }
    }
  }

  private async unused(signal: AbortSignal): Promise<readonly ImageUse[]> {
    const { runtime, clock, images } = this.parts;
    const [all, containers] = await Promise.all([runtime.listImages(signal), runtime.listContainers({}, signal)]);
    const inUse = new Set(containers.flatMap(({ imageId, imageRef, image }) => [imageId, imageRef, image.image]));
    const nowMs = clock.monotonicMs();
    const there = new Set(all.map(({ id }) => id));
    for (const known of [this.seenAtMs, images.usedAtMs])
      for (const id of known.keys()) if (!there.has(id)) known.delete(id);
    for (const { id } of all) if (!this.seenAtMs.has(id)) this.seenAtMs.set(id, nowMs);
    for (const { id } of all) if (inUse.has(id)) images.usedAtMs.set(id, nowMs);
    return all
      .filter((image) => !image.pinned && !inUse.has(image.id))
      .filter((image) => nowMs - (this.seenAtMs.get(image.id) ?? nowMs) >= ageMsMin)
      .map((image) => ({ image, usedAtMs: images.usedAtMs.get(image.id) ?? 0 }));
  }
}
