/** Other programs: run to their end, or started to outlive kedge and recognised later. */
import { execFile, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync, statSync, type Stats } from "node:fs";
import { basename } from "node:path";

// Enough for every answer asked for here (a dump of 5,000 services' nft rules is 6 MB).
const outputBytesMax = 64 * 1024 * 1024;
const complaintCharactersMax = 500;

export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Written to the program's standard input. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Kills the program after this long. Nobody waits for one without end, such as one that waits for a lock itself. */
  readonly timeoutMs: number;
}

/** A program that ended badly, or could not be started. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** Undefined when it was killed or could not be started. */
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(message: string, outcome: { readonly exitCode: number | undefined; readonly stderr: string }) {
    super(message);
    this.exitCode = outcome.exitCode;
    this.stderr = outcome.stderr;
  }
}

/**
 * Runs a program to its end.
 *
 * @returns Its standard output.
 * @throws CommandError with the first of its complaints when it does not end with exit code 0.
 */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      {
        encoding: "utf8",
        maxBuffer: outputBytesMax,
        ...(options.signal && { signal: options.signal }),
        ...(options.env && { env: options.env }),
        ...(options.cwd !== undefined && { cwd: options.cwd }),
        timeout: options.timeoutMs,
        killSignal: "SIGKILL",
      },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (options.signal?.aborted) reject(error);
        else reject(commandError([program, ...args], error, stderr));
      },
    );
    if (options.input !== undefined) {
      // A program that ends without reading everything breaks the pipe; its exit code tells the rest.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(options.input);
    }
  });
}

function commandError(
  command: readonly string[],
  error: Error & { code?: string | number | null; killed?: boolean },
  stderr: string,
): CommandError {
  const shown = command.join(" ").slice(0, 200);
  const exitCode = typeof error.code === "number" ? error.code : undefined;
  const complaint = stderr.trim().slice(0, complaintCharactersMax);
  if (error.code === "ENOENT")
    return new CommandError(`program "${command[0]}" not found: install it, or check PATH`, { exitCode, stderr });
  const how = exitCode === undefined ? (error.killed ? "was killed" : `failed (${error.message})`) : `exit ${exitCode}`;
  return new CommandError(`${shown}: ${how}${complaint === "" ? "" : `: ${complaint}`}`, { exitCode, stderr });
}

/** A process, told from a later one of the same number by when it started. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after the machine's start; field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

/** The process of that number, if it lives. A zombie does not. */
export function processOf(pid: number): ProcessId | undefined {
  const fields = statOf(pid);
  return !fields || fields[0] === "Z" || fields[0] === "X" ? undefined : { pid, startTicks: Number(fields[19]) };
}

/** The number of the process' parent; undefined when there is no such process. */
export function parentOf(pid: number): number | undefined {
  const fields = statOf(pid);
  return fields && Number(fields[1]);
}

/** The fields of /proc/PID/stat from the third, the state, on. */
function statOf(pid: number): readonly string[] | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // No such process.
  }
  // The second field is the name in parentheses, which may itself hold blanks and parentheses.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

export function lives(id: ProcessId): boolean {
  return processOf(id.pid)?.startTicks === id.startTicks;
}

/** Sends a signal, if that very process still lives. @returns False when it does not. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!lives(id)) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch {
    return false; // It ended in between.
  }
}

/** The command line of a living process; empty when there is none. */
export function commandLineOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0$/, "").split("\0");
  } catch {
    return []; // No such process.
  }
}

/** A process of a program, recognised by what only that program can be. */
export interface ProgramProcess {
  readonly id: ProcessId;
  readonly args: readonly string[];
}

/**
 * Living processes that run the executable file of that name, as this process' user, and whose arguments `belong`. What
 * a process says of itself - its name, its arguments - anybody may say; which file the kernel runs, nobody else decides.
 */
export function processesOf(program: string, belong: (args: readonly string[]) => boolean): readonly ProgramProcess[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const pid = Number(name);
      // First, so that a number that is given to another process meanwhile is noticed by who uses it.
      const id = processOf(pid);
      const args = commandLineOf(pid);
      return id && belong(args) && runsProgram(pid, program) ? [{ id, args }] : [];
    });
}

const deletedMark = " (deleted)";

function runsProgram(pid: number, program: string): boolean {
  try {
    if (statSync(`/proc/${pid}`).uid !== process.geteuid?.()) return false;
    const link = readlinkSync(`/proc/${pid}/exe`);
    const gone = link.endsWith(deletedMark);
    const path = gone ? link.slice(0, -deletedMark.length) : link;
    if (basename(path) !== program) return false;
    // A container's path is one of its own files: here it is another file, or none.
    if (!gone) return sameFile(statSync(path), statSync(`/proc/${pid}/exe`));
    // The file of a bundle that was replaced; in a container of its own mounts nothing of it is believed.
    return sameFile(statSync(`/proc/${pid}/ns/mnt`), statSync("/proc/self/ns/mnt"));
  } catch {
    return false; // It ended meanwhile, or is none of ours to look at.
  }
}

function sameFile(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/**
 * Starts a program in a session of its own, so that it outlives kedge and gets none of its terminal's signals. Its
 * output goes to the end of the file `logPath`.
 *
 * @throws CommandError when it cannot be started.
 */
export async function startDetached(
  program: string,
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly logPath: string },
): Promise<ProcessId> {
  const log = openSync(options.logPath, "a", 0o600);
  try {
    const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log], env: options.env, cwd: "/" });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(commandError([program, ...args], error, "")));
    });
    child.unref();
    const id = child.pid === undefined ? undefined : processOf(child.pid);
    if (!id)
      throw new CommandError(`${program} ended at once: see ${options.logPath}`, { exitCode: undefined, stderr: "" });
    return id;
  } finally {
    closeSync(log);
  }
}
