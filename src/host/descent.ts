/**
 * Going down into a folder's folders and up again by descriptors, however deep they are, with a bounded number of
 * descriptors: those of folders further up are closed, and opened again from below.
 */
import { codeOf, Descriptor } from "./descriptors.ts";

// Deeper trees are rare; each one that is walked at the same time holds that many descriptors at most.
const heldMax = 32;

interface Level {
  /** "" for the folder where it began. */
  readonly name: string;
  readonly device: number;
  readonly inode: number;
  descriptor: Descriptor | undefined;
}

export type Entered = "entered" | "mount" | "noFolder";

export class Descent implements Disposable {
  private readonly levels: Level[];
  private readonly mountId: string;

  private constructor(root: Level, mountId: string) {
    this.levels = [root];
    this.mountId = mountId;
  }

  /** @param from Stays the caller's. */
  static async into(from: Descriptor): Promise<Descent> {
    const descriptor = await Descriptor.ofFolder(from.at("."));
    const { dev, ino } = await descriptor.stats();
    return new Descent({ name: "", device: dev, inode: ino, descriptor }, await descriptor.mountId());
  }

  /** How far below the beginning. */
  get depth(): number {
    return this.levels.length - 1;
  }

  get name(): string {
    return this.level.name;
  }

  /** The folder it is in. Closed by the next step. */
  get here(): Descriptor {
    const { descriptor } = this.level;
    if (!descriptor) throw new Error("expected the descriptor of the folder at hand, found it closed");
    return descriptor;
  }

  /** For messages. */
  get path(): string {
    return this.levels
      .slice(1)
      .map(({ name }) => name)
      .join("/");
  }

  /** Goes into a folder of this one, unless it is no folder or something is mounted there. */
  async enter(name: string): Promise<Entered> {
    let descriptor: Descriptor;
    try {
      descriptor = await Descriptor.ofFolder(this.here.at(name));
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) return "noFolder";
      throw error;
    }
    if (!(await this.isOnSameMount(descriptor))) {
      descriptor[Symbol.dispose]();
      return "mount";
    }
    const { dev, ino } = await descriptor.stats();
    this.levels.push({ name, device: dev, inode: ino, descriptor });
    const far = this.levels.at(-1 - heldMax);
    far?.descriptor?.[Symbol.dispose]();
    if (far) far.descriptor = undefined;
    return "entered";
  }

  async isOnSameMount(descriptor: Descriptor): Promise<boolean> {
    return (await descriptor.mountId()) === this.mountId;
  }

  /** Goes back up. @throws Error when the folder was moved meanwhile. */
  async leave(): Promise<void> {
    const { level } = this;
    const above = this.levels.at(-2);
    if (above && !above.descriptor) {
      const descriptor = await Descriptor.ofFolder(this.here.at(".."));
      const { dev, ino } = await descriptor.stats();
      if (dev !== above.device || ino !== above.inode) {
        descriptor[Symbol.dispose]();
        throw new Error(`expected "${this.path}" to stay where it was, found it moved`);
      }
      above.descriptor = descriptor;
    }
    this.levels.pop();
    level.descriptor?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const { descriptor } of this.levels) descriptor?.[Symbol.dispose]();
    this.levels.length = 0;
  }

  private get level(): Level {
    const level = this.levels.at(-1);
    if (!level) throw new Error("expected to be in a folder, found that all were left");
    return level;
  }
}
