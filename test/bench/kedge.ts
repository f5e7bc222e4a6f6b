/** A kedge of its own for a measurement: started on an empty data directory, ended and removed without a trace. */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Target } from "./h2-client.ts";
import { readTarget } from "./kubeconfig.ts";

export const launcher = join(import.meta.dirname, "../../kedge");
const startMs = 120_000;

export interface KedgeOptions {
  readonly folder: string;
  readonly port: number;
  readonly node: boolean;
  /** Puts files into the data directory before the start. */
  readonly prepare?: (dataFolder: string) => void;
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further flags; a later one of the same name counts. */
  readonly flags?: readonly string[];
  /** One that is there already and stays; else one is made and removed. */
  readonly dataFolder?: string;
}

export interface Kedge extends AsyncDisposable {
  readonly pid: number;
  readonly dataFolder: string;
  readonly admin: Target;
  /** When it was started, by performance.now(). */
  readonly startedMs: number;
  /** Milliseconds from its start until it said that its API is ready. */
  readonly apiMs: number;
  /** The same for its node; rejects when that takes too long. */
  readonly nodeMs: Promise<number>;
  /** False once its process has ended. */
  readonly isRunning: () => boolean;
  /** The last lines it has printed. */
  readonly lastWords: () => readonly string[];
}

/** Resolves as soon as the API is ready. @throws Error with what it printed */
export async function startKedge(options: KedgeOptions): Promise<Kedge> {
  const { folder, port, node, prepare, environment, flags = [] } = options;
  const dataFolder = options.dataFolder ?? mkdtempSync(join(folder, "kedge-bench-"));
  const kubeconfig = join(dataFolder, "admin.yaml");
  prepare?.(dataFolder);
  const startedMs = performance.now();
  // Ports and addresses of its own, so that it can stand beside another kedge of this machine.
  const ranges = ["--cluster-cidr", "10.240.0.0/16", "--service-cidr", "10.241.0.0/16", "--cluster-dns", "10.241.0.10"];
  const child = spawn(
    launcher,
    ["server", "--data-dir", dataFolder, "--write-kubeconfig", kubeconfig, "--https-listen-port", String(port)].concat(
      ranges,
      node ? [] : ["--disable-agent"],
      flags,
    ),
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } },
  );
  const said: string[] = [];
  const hear = (pattern: RegExp): Promise<number> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(notReady(said)), startMs);
      child.once("exit", () => reject(notReady(said)));
      lines.on("line", (line) => {
        if (!pattern.test(line)) return;
        clearTimeout(timer);
        resolve(performance.now() - startedMs);
      });
    });
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => said.push(line));
  createInterface(child.stderr).on("line", (line) => said.push(line));
  const nodeMs = hear(/^ready: /);
  nodeMs.catch(() => undefined);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    if (node) await promisify(execFile)(launcher, ["uninstall", "--data-dir", dataFolder, "--yes"]);
    if (options.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
  };
  try {
    const apiMs = await hear(/API ready/);
    return {
      // Holds because it has printed something, so it was started; the launcher becomes it.
      pid: child.pid as number,
      dataFolder,
      admin: readTarget(kubeconfig),
      startedMs,
      apiMs,
      nodeMs,
      isRunning: () => child.exitCode === null && child.signalCode === null,
      lastWords: () => said.slice(-20),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

function notReady(said: readonly string[]): Error {
  return new Error(`expected kedge to be ready within ${startMs / 1_000} s, found:\n${said.slice(-20).join("\n")}`);
}
