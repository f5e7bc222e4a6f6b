/** `kedge server` and `kedge agent`: configuration in, a running role, an exit code out. */
import { resolve } from "node:path";
import { messageOf } from "#base/assert.ts";
import { machineClock } from "#base/clock.ts";
import { createLog, type Log } from "#base/log.ts";
import { supervise } from "#base/component.ts";
import { fileErrorOf } from "#host/file-error.ts";
import { ConfigError, readConfig, type Config, type Role } from "./config.ts";
import { StartError } from "./data-folder.ts";
import { idleMemory, ownMemory } from "./idle-memory.ts";
import { LastResort } from "./last-resort.ts";
import { LogFile, lineWriter } from "./log-file.ts";
import { Stages } from "./stages.ts";

// What is not done by then is cut off: the promise is to end within five seconds.
const stopMs = 4_500;

export const server = (args: readonly string[]): Promise<number> => run("server", args);
export const agent = (args: readonly string[]): Promise<number> => run("agent", args);

async function run(role: Role, args: readonly string[]): Promise<number> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    const outcome = await readConfig(role, { args, env: process.env });
    if (outcome.kind === "help") {
      say(outcome.text);
      return 0;
    }
    if (process.getuid?.() !== 0 && !outcome.config.disableAgent)
      throw new StartError(
        "expected to run as root, which containers need, found another user; use sudo, or --disable-agent for a control plane without a node",
      );
    // Names of links and tables are made of it: they must be the same from wherever kedge is started.
    return await runRole(role, { ...outcome.config, dataDir: resolve(outcome.config.dataDir) }, say);
  } catch (error) {
    if (error instanceof ConfigError) return fail(error.message, 2);
    if (error instanceof StartError) return fail(error.message, error.exitCode);
    if (args.includes("--debug") && error instanceof Error) say(error.stack ?? "");
    return fail(fileErrorOf(error)?.message ?? messageOf(error), 1);
  }
}

function fail(sentence: string, code: number): number {
  process.stderr.write(`kedge: ${sentence}\n`);
  return code;
}

async function runRole(role: Role, config: Config, say: (line: string) => void): Promise<number> {
  const life = new AbortController();
  let code = 0;
  const end = (why: Error): void => {
    life.abort(why);
    setTimeout(() => process.exit(code), stopMs).unref();
  };
  for (const name of ["SIGTERM", "SIGINT"] as const)
    process.on(name, () => end(new Error(`kedge was told to end by ${name}`)));
  const log = logOf(config);
  surviveErrors(log, (why) => {
    code = 1;
    end(why);
  });
  const stages = new Stages(machineClock, 0, say);
  stages.reached(`kedge ${role} starts, data in ${config.dataDir}`);
  const start = role === "server" ? (await import("./server.ts")).runServer : (await import("./agent.ts")).runAgent;
  stages.reached("code loaded");
  const memory = ownMemory();
  if (memory)
    void supervise(idleMemory(memory, { clock: machineClock, log }), { clock: machineClock, log }, life.signal);
  try {
    await start({ config, log, stages, say }, life.signal);
  } catch (error) {
    if (!life.signal.aborted) throw error;
    log.debug("ended", { why: messageOf(error) });
  }
  return code;
}

function surviveErrors(log: Log, end: (why: Error) => void): void {
  const lastResort = new LastResort({ clock: machineClock, log, end });
  process.on("uncaughtException", (error) => lastResort.take(error));
  process.on("unhandledRejection", (error) => lastResort.take(error));
  // Who read what is printed may go away, as a terminal does; the cluster goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
}

function logOf(config: Config): Log {
  const level = config.debug || config.v >= 4 ? "debug" : "info";
  if (config.log === undefined) return createLog({ clock: machineClock, level, write: lineWriter(process.stderr) });
  const file = new LogFile(config.log, machineClock);
  return createLog({ clock: machineClock, level, write: (line) => file.write(line) });
}
