/** Files in memory, as far as a kubelet uses them. */
import { dirname, join, normalize } from "node:path/posix";
import type { FileFacts, FileKind } from "#host/file-facts.ts";
import type { DiskSpace, Files } from "#host/files.ts";
import type { SafeFolder } from "#host/safe-folder.ts";
import { openMemoryFolder } from "./memory-folder.ts";

interface Entry {
  kind: FileKind;
  content: Uint8Array;
  target: string;
  mode: number;
  uid: number;
  gid: number;
  readonly inode: number;
}

const linksMax = 40;

export class MemoryFiles implements Files {
  private readonly entries = new Map<string, Entry>();
  private readonly watchers = new Map<string, Set<() => void>>();
  private inodes = 1;
  disk: DiskSpace = { capacityBytes: 100e9, availableBytes: 90e9, inodes: 1e6, inodesFree: 9e5 };

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [path, content] of Object.entries(files)) this.put(path, Buffer.from(content), 0o644);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.at(path)?.content;
  }

  async readPart(
    path: string,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array | undefined> {
    return this.at(path)?.content.subarray(range.offset, range.offset + range.length);
  }

  async write(path: string, content: Uint8Array | string, mode: number): Promise<void> {
    this.put(path, Buffer.from(content), mode);
  }

  /** Keeps the file, its owner and its mode. */
  async rewrite(path: string, content: Uint8Array | string): Promise<void> {
    const entry = this.at(path);
    if (entry) entry.content = Buffer.from(content);
    this.tell(path);
  }

  async touch(path: string, mode: number): Promise<void> {
    if (!this.at(path)) this.put(path, new Uint8Array(), mode);
  }

  async makeFolder(path: string, mode = 0o755): Promise<void> {
    const at = this.real(path);
    if (this.entries.has(at) || at === "/") return;
    await this.makeFolder(dirname(at));
    this.entries.set(at, this.entry("directory", mode));
  }

  async remove(path: string): Promise<void> {
    const at = this.place(path);
    for (const known of this.entries.keys()) if (known === at || known.startsWith(`${at}/`)) this.entries.delete(known);
  }

  async list(path: string): Promise<readonly string[]> {
    const folder = this.real(path);
    return [...this.entries.keys()]
      .filter((known) => dirname(known) === folder)
      .map((known) => known.slice(folder.length + 1))
      .sort();
  }

  async facts(path: string): Promise<FileFacts | undefined> {
    return factsOf(this.at(path));
  }

  async linkFacts(path: string): Promise<FileFacts | undefined> {
    return factsOf(this.entries.get(this.place(path)));
  }

  async symlink(target: string, path: string): Promise<void> {
    this.entries.set(this.place(path), { ...this.entry("symlink", 0o777), target });
  }

  async hardLink(target: string, path: string): Promise<void> {
    const entry = this.at(target);
    if (entry) this.entries.set(this.place(path), entry);
  }

  async readLink(path: string): Promise<string | undefined> {
    return this.entries.get(this.place(path))?.target;
  }

  async resolve(path: string): Promise<string | undefined> {
    return this.at(path) ? this.real(path) : undefined;
  }

  async rename(from: string, to: string): Promise<void> {
    const [old, next] = [this.place(from), this.place(to)];
    const moved = Array.from(this.entries);
    for (const [path, entry] of moved) {
      if (path !== old && !path.startsWith(`${old}/`)) continue;
      this.entries.delete(path);
      this.entries.set(next + path.slice(old.length), entry);
    }
  }

  async chmod(path: string, mode: number): Promise<void> {
    const entry = this.at(path);
    if (entry) entry.mode = mode;
  }

  async chown(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): Promise<void> {
    const entry = this.entries.get(this.place(path));
    if (!entry) return;
    if (uid >= 0) entry.uid = uid;
    if (gid >= 0) entry.gid = gid;
  }

  async space(): Promise<DiskSpace> {
    return this.disk;
  }

  folder(path: string): Promise<SafeFolder | undefined> {
    return openMemoryFolder(this, path);
  }

  /** Tells of a file's content alone. */
  watch(path: string, changed: () => void, signal: AbortSignal): void {
    const watchers = this.watchers.get(path) ?? new Set();
    this.watchers.set(path, watchers.add(changed));
    signal.addEventListener("abort", () => watchers.delete(changed), { once: true });
  }

  private tell(path: string): void {
    for (const changed of this.watchers.get(path) ?? []) queueMicrotask(changed);
  }

  private entry(kind: FileKind, mode: number): Entry {
    return { kind, mode, content: new Uint8Array(), target: "", uid: 0, gid: 0, inode: this.inodes++ };
  }

  private put(path: string, content: Uint8Array, mode: number): void {
    const at = this.real(path);
    for (let folder = dirname(at); folder !== "/" && !this.entries.has(folder); folder = dirname(folder))
      this.entries.set(folder, this.entry("directory", 0o755));
    this.entries.set(at, { ...this.entry("file", mode), content });
    this.tell(path);
  }

  private at(path: string): Entry | undefined {
    return this.entries.get(this.real(path));
  }

  /** Where an entry stands whose last name may itself be a link. */
  private place(path: string): string {
    return join(this.real(dirname(path)), path.slice(path.lastIndexOf("/") + 1));
  }

  /** The path without links. */
  private real(path: string, links = 0): string {
    let at = "/";
    const names = normalize(path)
      .split("/")
      .filter((name) => name !== "");
    for (const [index, name] of names.entries()) {
      const next = join(at, name);
      const entry = this.entries.get(next);
      if (entry?.kind !== "symlink") {
        at = next;
        continue;
      }
      if (links === linksMax) throw new Error(`too many links in "${path}"`);
      const target = entry.target.startsWith("/") ? entry.target : join(at, entry.target);
      return this.real(join(target, ...names.slice(index + 1)), links + 1);
    }
    return at;
  }
}

function factsOf(entry: Entry | undefined): FileFacts | undefined {
  if (!entry) return undefined;
  const { kind, mode, uid, gid, inode, content } = entry;
  return { links: 1, kind, mode, uid, gid, inode, sizeBytes: content.length, usedBytes: content.length, modifiedMs: 0 };
}
