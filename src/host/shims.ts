/**
 * The processes that stand between containerd and the containers of one sandbox each. containerd starts them, and they
 * outlive it; one whose sandbox it no longer knows is ended by nobody.
 */
import { readFileSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { criNamespace } from "./image-archive.ts";
import { commandLineOf, processOf, signalProcess, type ProcessId } from "./processes.ts";

export interface ShimProcess {
  readonly process: ProcessId;
  /** Of the sandbox it was started for. */
  readonly sandboxId: string;
}

export interface Shims {
  list(): Promise<readonly ShimProcess[]>;
  /** Ends the process; containerd, or its next start, then takes down what it held. */
  end(shim: ShimProcess): Promise<void>;
}

const program = "containerd-shim-runc-v2";

/** @param socket Of the containerd whose shims are meant: each is told by its arguments whom it belongs to. */
export function shimsOf(socket: string): Shims {
  return {
    list: () =>
      Promise.resolve(
        readdirSync("/proc").flatMap((name) => {
          const shim = /^\d+$/.test(name) ? shimAt(Number(name), socket) : undefined;
          return shim ? [shim] : [];
        }),
      ),
    end: (shim) => {
      signalProcess(shim.process, "SIGKILL");
      return Promise.resolve();
    },
  };
}

function shimAt(pid: number, socket: string): ShimProcess | undefined {
  const [path = "", ...args] = commandLineOf(pid);
  const isOurs = valueOf(args, "-address") === socket && valueOf(args, "-namespace") === criNamespace;
  if (basename(path) !== program || !isOurs || !isRoots(pid)) return undefined;
  const sandboxId = valueOf(args, "-id");
  const process = processOf(pid);
  return process && sandboxId !== undefined ? { process, sandboxId } : undefined;
}

const valueOf = (args: readonly string[], flag: string): string | undefined => {
  const at = args.indexOf(flag);
  return at < 0 ? undefined : args[at + 1];
};

/** Anybody can give a process such arguments: only root's are believed. */
function isRoots(pid: number): boolean {
  try {
    return /^Uid:\t0\t0\t/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // It has ended.
  }
}
