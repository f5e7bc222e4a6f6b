/**
 * A folder in which others may write at any moment: containers, users of the machine. It is held by descriptor, every
 * step below it is taken from the descriptor before and follows no link, and what is found is looked at through a
 * descriptor before it is believed. The only way in which kedge touches what a container can write.
 *
 * @see https://man7.org/linux/man-pages/man7/path_resolution.7.html
 */
import { constants, type Stats } from "node:fs";
import { lstat, mkdir, open, opendir, readlink, rename, stat, symlink } from "node:fs/promises";
import { machineRandom } from "#base/random.ts";
import { codeOf, Descriptor, orMissing } from "./descriptors.ts";
import { factsFrom, type FileFacts } from "./file-facts.ts";
import { removeContents, removeName, type MountPolicy } from "./folder-removal.ts";
import { changeHeld, walkBelow, type FileChange, type Visit, type WalkBudget } from "./folder-walk.ts";
import { run } from "./processes.ts";
import { putInPlace } from "./put-in-place.ts";
import { UnsafePathError } from "./unsafe-path-error.ts";

/** What a file that is made gets; owned by root unless said otherwise. */
export interface MadeAs extends FileChange {
  readonly mode: number;
}

/**
 * `at` is a path below the folder, "" the folder itself. It has neither "." nor ".." and no step of it may be a link:
 * an UnsafePathError says so. Other failures are Errors with the system's code.
 */
export interface SafeFolder extends Disposable {
  /** Where it was opened; for messages. */
  readonly path: string;
  /** A folder below, of its own; undefined when there is none. The caller disposes of it. */
  folder(at: string): Promise<SafeFolder | undefined>;
  /** Of a link itself; undefined when there is nothing. */
  facts(at: string): Promise<FileFacts | undefined>;
  /** At most `namesMax` names in a folder, sorted; empty when there is no such folder. */
  list(at: string, namesMax: number): Promise<readonly string[]>;
  /** Part of a regular file; shorter at its end, undefined when there is no such file. Never waits for a writer. */
  readPart(at: string, range: { readonly offset: number; readonly length: number }): Promise<Uint8Array | undefined>;
  /** Where a link leads; undefined when there is none. */
  readLink(at: string): Promise<string | undefined>;
  /** Replaces the content of a regular file that stays the same file, or makes it. */
  rewrite(at: string, content: Uint8Array | string, as: MadeAs): Promise<void>;
  /** Replaces the file as a whole, atomically. Its folder has to be there. */
  write(at: string, content: Uint8Array | string, as: MadeAs): Promise<void>;
  /** Replaces what is there atomically. */
  symlink(target: string, at: string): Promise<void>;
  /** Makes the folder and those above it that are missing; one that exists stays as it is. */
  makeFolder(at: string, as: MadeAs): Promise<void>;
  /** Replaces what is there; both names in the same folder below or in two. */
  rename(from: string, to: string): Promise<void>;
  /** Changes the very file that `wanted` is given the facts of. Nothing happens when there is none. */
  change(at: string, wanted: (facts: FileFacts) => FileChange): Promise<void>;
  /**
   * Removes whatever is there; "" empties the folder. @throws UnsafePathError that names the mount found below, unless
   * mounts are to be undone first.
   */
  remove(at: string, mounts: MountPolicy): Promise<void>;
  /** Visits everything below, in no order, each folder before what is in it. @returns "cut" when the budget did not reach. */
  walk(visit: Visit, budget: WalkBudget): Promise<"all" | "cut">;
  /**
   * Mounts what is there on `target`, which exists and only kedge can write, and makes sure that it is that. What is
   * mounted below the place later is seen below the target too; with "shared", also the other way round.
   */
  bind(at: string, target: string, sharing?: "shared"): Promise<void>;
}

/** @returns Undefined when there is nothing. @throws UnsafePathError when it is a link or no folder. */
export async function openFolder(path: string): Promise<SafeFolder | undefined> {
  const descriptor = await descriptorOf(path, path);
  return descriptor && new DescriptorFolder(descriptor, path);
}

async function descriptorOf(place: string, shown: string): Promise<Descriptor | undefined> {
  try {
    return await Descriptor.ofFolder(place);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
    const stats = await orMissing(lstat(place)).catch(() => undefined);
    throw new UnsafePathError(
      `expected a folder at "${shown}", found a ${stats ? factsFrom(stats).kind : "file above it"}`,
    );
  }
}

const bindMs = 10_000;
// An entry cannot be longer; longer paths are refused by the kernel step by step anyway.
const stepsMax = 1_000;

/** @throws UnsafePathError when the path could lead out, whatever is there. */
export function stepsOf(at: string): readonly string[] {
  if (at === "") return [];
  const steps = at.split("/");
  if (
    steps.length > stepsMax ||
    steps.some((step) => step === "" || step === "." || step === ".." || step.includes("\0"))
  )
    throw new UnsafePathError(`expected a path of plain names below a folder, found "${at}"`);
  return steps;
}

class DescriptorFolder implements SafeFolder {
  readonly path: string;
  private readonly descriptor: Descriptor;

  constructor(descriptor: Descriptor, path: string) {
    this.descriptor = descriptor;
    this.path = path;
  }

  async folder(at: string): Promise<SafeFolder | undefined> {
    const descriptor = await this.reach(stepsOf(at));
    return descriptor && new DescriptorFolder(descriptor, at === "" ? this.path : `${this.path}/${at}`);
  }

  async facts(at: string): Promise<FileFacts | undefined> {
    using place = await this.place(at);
    return place && factsFrom(await place.stats());
  }

  async list(at: string, namesMax: number): Promise<readonly string[]> {
    using folder = await this.reach(stepsOf(at));
    if (!folder) return [];
    const names: string[] = [];
    const entries = await opendir(folder.self);
    try {
      for (let entry = await entries.read(); entry && names.length < namesMax; entry = await entries.read())
        names.push(entry.name);
    } finally {
      await entries.close();
    }
    return names.sort();
  }

  async readPart(
    at: string,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array | undefined> {
    using place = await this.place(at);
    if (!place) return undefined;
    requireFile(await place.stats(), at);
    const file = await open(place.self, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async readLink(at: string): Promise<string | undefined> {
    const { steps, name } = lastOf(at);
    using folder = await this.reach(steps);
    try {
      return folder && (await readlink(folder.at(name)));
    } catch (error) {
      // EINVAL: it is something else than a link.
      if (codeOf(error) === "ENOENT" || codeOf(error) === "EINVAL") return undefined;
      throw error;
    }
  }

  async rewrite(at: string, content: Uint8Array | string, as: MadeAs): Promise<void> {
    using place = await this.place(at);
    if (!place) return await this.write(at, content, as);
    requireFile(await place.stats(), at);
    const file = await open(place.self, constants.O_WRONLY | constants.O_TRUNC | constants.O_NONBLOCK);
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
  }

  async write(at: string, content: Uint8Array | string, as: MadeAs): Promise<void> {
    const { steps, name } = lastOf(at);
    using folder = await this.reachExisting(steps);
    const next = besides(name);
    await putInPlace(folder.at(next), folder.at(name), () => writeNew(folder.at(next), content, as));
  }

  async symlink(target: string, at: string): Promise<void> {
    const { steps, name } = lastOf(at);
    using folder = await this.reachExisting(steps);
    const next = besides(name);
    await putInPlace(folder.at(next), folder.at(name), () => symlink(target, folder.at(next)));
  }

  async makeFolder(at: string, as: MadeAs): Promise<void> {
    let folder = await Descriptor.ofFolder(this.descriptor.at("."));
    try {
      for (const name of stepsOf(at)) {
        const next = await madeFolder(folder, name, { as, shown: at });
        folder[Symbol.dispose]();
        folder = next;
      }
    } finally {
      folder[Symbol.dispose]();
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const [old, next] = [lastOf(from), lastOf(to)];
    using before = await this.reachExisting(old.steps);
    using after = await this.reachExisting(next.steps);
    await rename(before.at(old.name), after.at(next.name));
  }

  async change(at: string, wanted: (facts: FileFacts) => FileChange): Promise<void> {
    using place = await this.place(at);
    if (place) await changeHeld(place, wanted);
  }

  async remove(at: string, mounts: MountPolicy): Promise<void> {
    if (at === "") return await removeContents(this.descriptor, { mounts, shown: this.path });
    const { steps, name } = lastOf(at);
    using folder = await this.reach(steps);
    if (folder) await removeName(folder, name, { mounts, shown: this.path });
  }

  async walk(visit: Visit, budget: WalkBudget): Promise<"all" | "cut"> {
    return await walkBelow(this.descriptor, visit, budget);
  }

  async bind(at: string, target: string, sharing?: "shared"): Promise<void> {
    using place = await this.place(at);
    if (!place) throw new UnsafePathError(`expected something to mount at "${at}", found nothing`);
    const stats = await place.stats();
    if (stats.isSymbolicLink()) throw new UnsafePathError(`expected a file or folder at "${at}", found a symlink`);
    await run("mount", ["-n", "--no-canonicalize", "--bind", place.shown, target], { timeoutMs: bindMs });
    // Otherwise undoing it would undo what is mounted below the place itself.
    if (sharing !== "shared") await run("mount", ["-n", "-c", "--make-slave", target], { timeoutMs: bindMs });
    const { dev, ino } = await stat(target);
    if (dev === stats.dev && ino === stats.ino) return;
    await run("umount", ["-n", "-l", target], { timeoutMs: bindMs });
    throw new UnsafePathError(`expected "${at}" to be mounted, found something else in its place`);
  }

  [Symbol.dispose](): void {
    this.descriptor[Symbol.dispose]();
  }

  /** What has that path, itself. */
  private async place(at: string): Promise<Descriptor | undefined> {
    if (at === "") return await this.reach([]);
    const { steps, name } = lastOf(at);
    using folder = await this.reach(steps);
    return folder && (await orMissing(Descriptor.ofPlace(folder.at(name))));
  }

  /** The folder at the end of these steps; undefined when one is missing. */
  private async reach(steps: readonly string[]): Promise<Descriptor | undefined> {
    let folder = await Descriptor.ofFolder(this.descriptor.at("."));
    for (const [count, name] of steps.entries()) {
      using above = folder;
      const next = await descriptorOf(above.at(name), steps.slice(0, count + 1).join("/"));
      if (!next) return undefined;
      folder = next;
    }
    return folder;
  }

  private async reachExisting(steps: readonly string[]): Promise<Descriptor> {
    const folder = await this.reach(steps);
    if (!folder) throw new UnsafePathError(`expected a folder at "${steps.join("/")}", found nothing`);
    return folder;
  }
}

/** Before anything is opened: opening a FIFO waits, and opening a device may do something. */
function requireFile(stats: Stats, at: string): void {
  const { kind } = factsFrom(stats);
  if (kind !== "file") throw new UnsafePathError(`expected a file at "${at}", found a ${kind}`);
}

function lastOf(at: string): { readonly steps: readonly string[]; readonly name: string } {
  const steps = stepsOf(at);
  const name = steps.at(-1);
  if (name === undefined) throw new UnsafePathError("expected a path below the folder, found the folder itself");
  return { steps: steps.slice(0, -1), name };
}

async function writeNew(path: string, content: Uint8Array | string, as: MadeAs): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(content);
    // The owner first: a change of it takes setuid and setgid away.
    if (as.uid !== undefined || as.gid !== undefined) await file.chown(as.uid ?? -1, as.gid ?? -1);
    await file.chmod(as.mode);
  } finally {
    await file.close();
  }
}

async function madeFolder(
  above: Descriptor,
  name: string,
  { as, shown }: { readonly as: MadeAs; readonly shown: string },
): Promise<Descriptor> {
  const there = await descriptorOf(above.at(name), shown);
  if (there) return there;
  let ours = true;
  try {
    await mkdir(above.at(name), { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    ours = false;
  }
  const made = await descriptorOf(above.at(name), shown);
  if (!made) throw new UnsafePathError(`expected a folder at "${shown}", found it removed again`);
  // Should it be another's by now, that is no more than a folder which whoever put it there could write in any case.
  if (ours) await changeHeld(made, () => as);
  return made;
}

/** A name that nobody else uses, to be renamed over the given one. */
const besides = (name: string): string => `.${name.slice(0, 100)}.${machineRandom.suffix(8)}.tmp`;
