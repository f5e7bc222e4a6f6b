/** What loop-gauge.ts wrote of the attacked server: how long its event loop did not turn, and why. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Stall } from "./loop-gauge.ts";

export class Stalls {
  /** With these the server is started. */
  readonly environment: Readonly<Record<string, string>>;
  /** Is made by the server when its loop stalls for the first time. */
  private readonly file: string;

  /** @param profile Whether the server leaves a profile of its processor time beside it when it ends. */
  constructor(folder: string, profile: boolean) {
    this.file = join(folder, "stalls");
    const gauge = pathToFileURL(join(import.meta.dirname, "loop-gauge.ts")).href;
    const profiled = profile ? ` --cpu-prof --cpu-prof-dir=${folder}` : "";
    this.environment = { ATTACK_STALLS: this.file, NODE_OPTIONS: `--import=${gauge}${profiled}` };
  }

  /** Where the file ends now. */
  place(): number {
    return statSync(this.file, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** @param place Told by place() before. */
  since(place: number): readonly Stall[] {
    if (this.place() <= place) return [];
    const lines = readFileSync(this.file).subarray(place).toString().split("\n");
    // Holds because loop-gauge.ts writes them; the last is empty.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as Stall);
  }
}

function longestBy(stalls: readonly Stall[], of: (stall: Stall) => number): Stall | undefined {
  let longest = stalls[0];
  for (const stall of stalls) if (longest && of(stall) > of(longest)) longest = stall;
  return longest;
}

function shown({ cpuMs, wallMs, gcMs }: Stall): string {
  const collected = gcMs >= 1 ? `, ${gcMs.toFixed(0)} of them garbage` : "";
  return `${cpuMs.toFixed(0)} ms of processor in ${wallMs.toFixed(0)} ms${collected}`;
}

/** The stall with most work of its own, and the longest by the clock where that is another. */
export function stallsShown(stalls: readonly Stall[]): string {
  const busiest = longestBy(stalls, ({ cpuMs }) => cpuMs);
  const longest = longestBy(stalls, ({ wallMs }) => wallMs);
  if (!busiest || !longest) return "none";
  return busiest === longest ? shown(busiest) : `${shown(busiest)}; ${shown(longest)}`;
}
