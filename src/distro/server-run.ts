/** What every role is started with. */
import type { Log } from "#base/log.ts";
import type { Config } from "./config.ts";
import type { Stages } from "./stages.ts";

export interface ServerRun {
  readonly config: Config;
  readonly log: Log;
  readonly stages: Stages;
  /** Prints a line for the person who started it. */
  readonly say: (line: string) => void;
}
