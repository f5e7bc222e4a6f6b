/** The kernel's packet rules, changed in transactions by nft(8): a script holds as a whole or not at all. */
import { createHash } from "node:crypto";
import { CommandError, run } from "./processes.ts";

export type NftFamily = "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev";

export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
}

// A table of 5,000 Services takes seconds.
const answerMs = 60_000;

export class Nftables {
  private readonly program: string;

  /** @param program The bundle's nft. */
  constructor(program: string) {
    this.program = program;
  }

  /**
   * Makes all the changes of a script in nft's language, or none.
   *
   * @throws Error that names the first line the kernel or nft refused.
   */
  async apply(script: string, signal?: AbortSignal): Promise<void> {
    try {
      await run(this.program, ["-f", "-"], { timeoutMs: answerMs, input: script, ...(signal && { signal }) });
    } catch (error) {
      if (error instanceof CommandError) throw new Error(complaintOf(error.stderr, script), { cause: error });
      throw error;
    }
  }

  async tables(): Promise<readonly NftTable[]> {
    const found: NftTable[] = [];
    for (const item of await this.list(["tables"]))
      // nft's own form of a table; so it is below.
      if ("table" in item) found.push(item.table as NftTable);
    return found;
  }

  /** Everything in a table as nft's JSON objects; undefined when there is no such table. */
  async table({ family, name }: NftTable): Promise<readonly object[] | undefined> {
    if (!(await this.tables()).some((table) => table.family === family && table.name === name)) return undefined;
    return this.list(["table", family, name]);
  }

  /**
   * A digest of everything in a table but the elements of its dynamic sets, which change by themselves; undefined when
   * there is no such table. Equal as long as nobody changed the table.
   */
  async digest({ family, name }: NftTable, signal?: AbortSignal): Promise<string | undefined> {
    try {
      const text = await run(this.program, ["-s", "list", "table", family, name], {
        timeoutMs: answerMs,
        ...(signal && { signal }),
      });
      return createHash("sha256").update(steadyText(text)).digest("hex");
    } catch (error) {
      if (error instanceof CommandError && error.stderr.includes("No such file or directory")) return undefined;
      throw error;
    }
  }

  async removeTable({ family, name }: NftTable): Promise<void> {
    // Adding it first makes removing it right whether it is there or not.
    await this.apply(`add table ${family} ${name}\ndelete table ${family} ${name}\n`);
  }

  private async list(what: readonly string[]): Promise<readonly object[]> {
    const answer: unknown = JSON.parse(await run(this.program, ["-j", "list", ...what], { timeoutMs: answerMs }));
    return (answer as { readonly nftables: readonly object[] }).nftables;
  }
}

/** nft marks a place as `/dev/stdin:3:1-5: Error: …`; the line itself says more than its number. */
function complaintOf(stderr: string, script: string): string {
  const [, line = "", what = ""] = /:(\d+):\d+-\d+: Error: (.*)/.exec(stderr) ?? [];
  if (line === "") return `nftables refused the rules: ${stderr.trim().split("\n")[0] ?? ""}`;
  const refused = script.split("\n")[Number(line) - 1]?.trim().slice(0, 200) ?? "";
  return `nftables refused the rule "${refused}" (line ${line}): ${what}`;
}

/** A listing without the elements of dynamic sets, and the others in one order: the kernel has none. */
function steadyText(listing: string): string {
  return listing
    .replaceAll(/\t# count \d+$/gm, "")
    .split("\n\t}")
    .map((block) => {
      const at = block.indexOf("\n\t\telements = {");
      if (at < 0) return block;
      const head = block.slice(0, at);
      if (/\n\t\tflags [a-z,]*dynamic/.test(head)) return head;
      const elements = block.slice(at).replaceAll(/\s+/g, " ").split(", ");
      return (
        head +
        elements
          .map((element) => element.replace(/^ elements = \{ | \}$/g, ""))
          .toSorted()
          .join(",")
      );
    })
    .join("\n\t}");
}
