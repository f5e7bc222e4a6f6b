/** Tar archives (POSIX ustar with pax), read and written one entry after another. */
import { pipeline } from "node:stream/promises";
import type { Readable, Writable } from "node:stream";
import { extract, pack } from "tar-stream";

export interface TarHeader {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "link";
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Of symlinks and links. */
  readonly linkname?: string;
}

export interface TarEntry extends TarHeader {
  /** Of files; must have exactly `sizeBytes` bytes when it is a stream. */
  readonly content?: Uint8Array | { readonly stream: () => Readable; readonly sizeBytes: number };
}

/** Writes an archive without times and names of owners, so that the same entries give the same bytes. */
export async function writeTar(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>, target: Writable): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, target);
  // Seen below; without this, a full disk would count as unhandled while an entry is being written.
  written.catch(() => undefined);
  for await (const entry of entries) await Promise.race([writeEntry(archive, entry), written]);
  archive.finalize();
  await written;
}

async function writeEntry(archive: ReturnType<typeof pack>, entry: TarEntry): Promise<void> {
  const { content, ...header } = entry;
  const times = { mtime: new Date(0) };
  if (content && !(content instanceof Uint8Array)) {
    await pipeline(content.stream(), archive.entry({ ...header, ...times, size: content.sizeBytes }));
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (content) archive.entry({ ...header, ...times, size: content.length }, Buffer.from(content), done);
    else archive.entry({ ...header, ...times }, done);
  });
}

/** What `readTar` hands out: an entry of an archive, and its content while it is the entry's turn. */
export interface TarItem {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  /** The content. Rejects when it is longer than `bytesMax`. */
  bytes(bytesMax: number): Promise<Uint8Array>;
}

/**
 * The entries of an archive, in its order. Content that is not asked for is passed over.
 *
 * @throws Error when the stream fails, or is not a tar archive.
 */
export async function* readTar(source: Readable): AsyncIterableIterator<TarItem> {
  const archive = extract();
  const read = pipeline(source, archive);
  read.catch(() => undefined);
  for await (const entry of archive) {
    const { name, type, size } = entry.header;
    yield {
      name,
      type: type ?? "file",
      sizeBytes: size ?? 0,
      bytes: async (bytesMax) => {
        if ((size ?? 0) > bytesMax)
          throw new Error(`expected "${name}" to have at most ${bytesMax} bytes, found ${size}`);
        const chunks: Uint8Array[] = [];
        // The iteration of a stream of bytes yields bytes.
        for await (const chunk of entry) chunks.push(chunk as Uint8Array);
        return Buffer.concat(chunks);
      },
    };
    entry.resume();
  }
  await read;
}
