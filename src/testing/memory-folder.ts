/** A folder in memory that keeps the promises of the real one; nothing is mounted in memory. */
import { join } from "node:path/posix";
import type { FileFacts } from "#host/file-facts.ts";
import type { MemoryFiles } from "./memory-files.ts";
import { entriesBetweenPauses, type FileChange, type Visit, type WalkBudget } from "#host/folder-walk.ts";
import { stepsOf, type MadeAs, type SafeFolder } from "#host/safe-folder.ts";
import { UnsafePathError } from "#host/unsafe-path-error.ts";

export async function openMemoryFolder(files: MemoryFiles, path: string, at = path): Promise<SafeFolder | undefined> {
  const facts = await files.linkFacts(path);
  if (!facts) return undefined;
  if (facts.kind !== "directory") throw new UnsafePathError(`expected a folder at "${at}", found a ${facts.kind}`);
  return new MemoryFolder(files, path);
}

class MemoryFolder implements SafeFolder {
  readonly path: string;
  private readonly files: MemoryFiles;

  constructor(files: MemoryFiles, path: string) {
    this.files = files;
    this.path = path;
  }

  async folder(at: string): Promise<SafeFolder | undefined> {
    const place = await this.place(at);
    return place === undefined ? undefined : await openMemoryFolder(this.files, place, at);
  }

  async facts(at: string): Promise<FileFacts | undefined> {
    const place = await this.place(at);
    return place === undefined ? undefined : await this.files.linkFacts(place);
  }

  async list(at: string, namesMax: number): Promise<readonly string[]> {
    using folder = await this.folder(at);
    return folder ? (await this.files.list(folder.path)).slice(0, namesMax) : [];
  }

  async readPart(
    at: string,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array | undefined> {
    const facts = await this.facts(at);
    if (!facts) return undefined;
    if (facts.kind !== "file") throw new UnsafePathError(`expected a file at "${at}", found a ${facts.kind}`);
    return await this.files.readPart(join(this.path, at), range);
  }

  async readLink(at: string): Promise<string | undefined> {
    return (await this.facts(at))?.kind === "symlink" ? await this.files.readLink(join(this.path, at)) : undefined;
  }

  async rewrite(at: string, content: Uint8Array | string, as: MadeAs): Promise<void> {
    const facts = await this.facts(at);
    if (!facts) return await this.write(at, content, as);
    if (facts.kind !== "file") throw new UnsafePathError(`expected a file at "${at}", found a ${facts.kind}`);
    await this.files.rewrite(join(this.path, at), content);
  }

  async write(at: string, content: Uint8Array | string, as: MadeAs): Promise<void> {
    const place = await this.existing(at);
    await this.files.remove(place);
    await this.files.write(place, content, as.mode);
    await this.files.chown(place, { uid: as.uid ?? -1, gid: as.gid ?? -1 });
  }

  async symlink(target: string, at: string): Promise<void> {
    await this.files.symlink(target, await this.existing(at));
  }

  async makeFolder(at: string, as: MadeAs): Promise<void> {
    let place = this.path;
    for (const step of stepsOf(at)) {
      place = join(place, step);
      const facts = await this.files.linkFacts(place);
      if (facts && facts.kind !== "directory")
        throw new UnsafePathError(`expected a folder at "${at}", found a ${facts.kind}`);
      if (facts) continue;
      await this.files.makeFolder(place, as.mode);
      await this.files.chown(place, { uid: as.uid ?? -1, gid: as.gid ?? -1 });
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.files.rename(await this.existing(from), await this.existing(to));
  }

  async change(at: string, wanted: (facts: FileFacts) => FileChange): Promise<void> {
    const place = await this.place(at);
    if (place !== undefined) await this.changePlace(place, wanted);
  }

  async remove(at: string): Promise<void> {
    if (at === "") {
      for (const name of await this.files.list(this.path)) await this.files.remove(join(this.path, name));
      return;
    }
    const place = await this.place(at);
    if (place !== undefined) await this.files.remove(place);
  }

  async walk(visit: Visit, budget: WalkBudget): Promise<"all" | "cut"> {
    const left = [{ folder: this.path, depth: 1 }];
    let entries = 0;
    let cut = false;
    for (let at = left.pop(); at; at = left.pop()) {
      const { folder, depth } = at;
      for (const name of await this.files.list(folder)) {
        if (entries >= budget.entriesMax) return "cut";
        entries += 1;
        if (entries % entriesBetweenPauses === 0) await budget.pause?.();
        const path = join(folder, name);
        const facts = await this.files.linkFacts(path);
        if (!facts) continue;
        await visit({ name, depth, facts, change: (wanted) => this.changePlace(path, wanted) });
        if (facts.kind !== "directory") continue;
        if (depth >= budget.depthMax) cut = true;
        else left.push({ folder: path, depth: depth + 1 });
      }
    }
    return cut ? "cut" : "all";
  }

  async bind(at: string, target: string): Promise<void> {
    const facts = await this.facts(at);
    if (!facts) throw new UnsafePathError(`expected something to mount at "${at}", found nothing`);
    if (facts.kind === "symlink") throw new UnsafePathError(`expected a file or folder at "${at}", found a symlink`);
    await this.files.symlink(join(this.path, at), target);
  }

  [Symbol.dispose](): void {
    // Nothing is held.
  }

  private async changePlace(place: string, wanted: (facts: FileFacts) => FileChange): Promise<void> {
    const facts = await this.files.linkFacts(place);
    if (!facts) return;
    const { mode, uid = -1, gid = -1 } = wanted(facts);
    await this.files.chown(place, { uid, gid });
    if (mode !== undefined && facts.kind !== "symlink") await this.files.chmod(place, mode);
  }

  /** Undefined when a folder on the way is missing. @throws UnsafePathError when one is something else. */
  private async place(at: string): Promise<string | undefined> {
    const steps = stepsOf(at);
    let place = this.path;
    for (const [count, step] of steps.slice(0, -1).entries()) {
      place = join(place, step);
      const facts = await this.files.linkFacts(place);
      if (!facts) return undefined;
      if (facts.kind !== "directory")
        throw new UnsafePathError(
          `expected a folder at "${steps.slice(0, count + 1).join("/")}", found a ${facts.kind}`,
        );
    }
    return join(this.path, at);
  }

  private async existing(at: string): Promise<string> {
    const above = stepsOf(at).slice(0, -1).join("/");
    if (at === "") throw new UnsafePathError("expected a path below the folder, found the folder itself");
    const kind = (await this.facts(above))?.kind ?? "nothing";
    if (kind !== "directory")
      throw new UnsafePathError(`expected a folder at "${above}", found ${kind === "nothing" ? kind : `a ${kind}`}`);
    return join(this.path, at);
  }
}
