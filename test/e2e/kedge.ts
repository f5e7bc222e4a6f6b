/** A kedge server of this checkout in a data directory of its own, and kubectl on it, as a user has them. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { installRoot, locateBundle } from "../../src/distro/places.ts";
import { ensureBundle } from "../../src/distro/runtime.ts";
import type { RuntimeBundle } from "../../src/host/runtime-bundle.ts";

export const launcher = join(installRoot, "kedge");
/** What is done, the latest first, when the tests of a file are over, whatever became of them. */
const endings: (() => unknown)[] = [];
after(async () => {
  for (const act of endings.toReversed()) await act();
});

const readyMs = 60_000;
const commandMs = 120_000;

export interface Ended {
  /** Exit code; undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Absent: none, and its end at once unless it is kept open. */
  readonly input?: string | Uint8Array;
  readonly keepsInputOpen?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
}

/** Runs a command to its end. What does not end in two minutes is killed. */
export async function command(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    signal: AbortSignal.timeout(commandMs),
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  child.stdin.on("error", () => undefined); // A command need not read all it is given.
  if (!options.keepsInputOpen) child.stdin.end(options.input ?? "");
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const closed = once(child, "close").catch((error: unknown) => {
    const said = `${stdout()}${stderr()}`;
    throw new Error(`expected "${program} ${args.join(" ")}" to end in two minutes, found: ${said}`, { cause: error });
  });
  // Arguments of the event "close".
  const [code] = (await closed) as [number | null];
  return { code: code ?? undefined, stdout: stdout(), stderr: stderr() };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** Has something done when the tests are over. */
export function atEnd(act: () => unknown): void {
  endings.push(act);
}

export const kedge = (...args: readonly string[]): Promise<Ended> => command(launcher, args);

/** Programs of the runtime bundle; makes it when it is not there yet. */
export async function bundle(): Promise<RuntimeBundle> {
  return locateBundle(installRoot) ?? (await ensureBundle(AbortSignal.timeout(300_000)));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

/** Where a server keeps what it has, and what it is started with. */
export interface Place {
  readonly folder: string;
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly port: number;
  readonly args: readonly string[];
}

/** Folders that are removed when the tests of this file are over, whatever became of them. */
export async function newPlace(
  networks: readonly [pods: string, services: string],
  ...more: readonly string[]
): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "kedge-e2e-"));
  const [dataDir, kubeconfig, port] = [join(folder, "data"), join(folder, "kubeconfig"), await freePort()];
  atEnd(async () => {
    await kedge("uninstall", "--data-dir", dataDir, "--write-kubeconfig", kubeconfig, "--yes");
    rmSync(folder, { recursive: true, force: true });
  });
  const [pods, services] = networks;
  const args = ["--data-dir", dataDir, "--write-kubeconfig", kubeconfig, "--https-listen-port", String(port)];
  args.push("--cluster-cidr", pods, "--service-cidr", services, "--config", "/dev/null", ...more);
  return { folder, dataDir, kubeconfig, port, args };
}

/** A server that runs. */
export class Server {
  readonly process: ChildProcess;
  readonly place: Place;
  /** Everything it has printed. */
  output = "";
  private readonly kubectlPath: string;
  private readonly watchers = new Set<() => void>();

  private constructor(process: ChildProcess, place: Place, kubectlPath: string) {
    this.process = process;
    this.place = place;
    this.kubectlPath = kubectlPath;
    for (const stream of [process.stdout, process.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
        for (const look of this.watchers) look();
      });
    process.on("exit", () => {
      for (const look of this.watchers) look();
    });
  }

  /** Resolves when the server says that it is ready. */
  static async start(place: Place, ...more: readonly string[]): Promise<Server> {
    const { kubectl } = await bundle();
    const child = spawn(launcher, ["server", ...place.args, ...more]);
    const server = new Server(child, place, kubectl);
    atEnd(() => child.kill("SIGKILL"));
    await server.says(/^ready: /m);
    return server;
  }

  /** Resolves when what the server has printed matches. */
  async says(pattern: RegExp): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (pattern.test(this.output)) resolve();
      else if (this.process.exitCode !== null)
        reject(new Error(`expected the server to say ${pattern}, found that it ended:\n${this.output}`));
    };
    const late = setTimeout(
      () => reject(new Error(`expected the server to say ${pattern} within ${readyMs} ms, found:\n${this.output}`)),
      readyMs,
    );
    this.watchers.add(look);
    look();
    await promise.finally(() => {
      this.watchers.delete(look);
      clearTimeout(late);
    });
  }

  /** Ends the server by a signal, and waits for its end. */
  async end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly seconds: number }> {
    const startMs = performance.now();
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    // Arguments of the event "exit".
    const [code] = (await ended) as [number | null];
    return { code, seconds: (performance.now() - startMs) / 1000 };
  }

  /** Runs kubectl, whatever becomes of it. */
  tryKubectl(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    return command(this.kubectlPath, ["--kubeconfig", this.place.kubeconfig, ...args], options);
  }

  /** What a shell runs to run kubectl. */
  kubectlLine(...args: readonly string[]): string {
    return [this.kubectlPath, "--kubeconfig", this.place.kubeconfig, ...args].join(" ");
  }

  /** Runs kubectl, which must succeed. @returns What it printed */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(args);
    assert.equal(code, 0, `kubectl ${args.join(" ")}: ${stderr}${stdout}`);
    return stdout;
  }

  async apply(manifest: string): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(["apply", "-f", "-"], { input: manifest });
    assert.equal(code, 0, `kubectl apply: ${stderr}${stdout}`);
    return stdout;
  }

  /** Starts a kubectl that goes on until it is killed, which it is at the end of the tests. */
  follow(...args: readonly string[]): ChildProcess {
    const child = spawn(this.kubectlPath, ["--kubeconfig", this.place.kubeconfig, ...args]);
    atEnd(() => child.kill("SIGKILL"));
    return child;
  }
}

/** Starts a node. @param by What is to run it, such as `nsenter` with its arguments */
export function startAgent(by: readonly string[], args: readonly string[]): void {
  const [program = launcher, ...more] = [...by, launcher, "agent", ...args];
  const child = spawn(program, more, { stdio: "inherit" });
  atEnd(() => child.kill("SIGKILL"));
}

/** Resolves with what a process printed so far when that matches. */
export async function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const late = setTimeout(() => reject(new Error(`expected ${pattern} to be printed, found: ${text}`)), 30_000);
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve(text);
    });
  child.once("exit", () => reject(new Error(`expected ${pattern} to be printed, found the end after: ${text}`)));
  return await promise.finally(() => clearTimeout(late));
}

/** Makes the example images and puts them where the server finds them. */
export async function placeImages({ dataDir }: Place, ...names: readonly string[]): Promise<void> {
  const made = await command("sh", [join(installRoot, "examples/images/build"), ...names]);
  assert.equal(made.code, 0, made.stderr);
  const folder = join(dataDir, "agent/images");
  mkdirSync(folder, { recursive: true });
  for (const name of names)
    copyFileSync(join(installRoot, `examples/images/out/${name}.tar`), join(folder, `${name}.tar`));
}
