/**
 * Keeps containerd running: writes its configuration, starts it, watches it, starts it anew. It is no child in the usual
 * sense: it and its containers outlive kedge, and a kedge that comes later takes over the one that runs. So nothing is
 * kept in memory that a look at the machine does not tell.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { abortReason, type Clock, deadline } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { GrpcClient } from "#wire/grpc.ts";
import { detectCgroups } from "./cgroups.ts";
import { containerdConfig } from "./containerd/config.ts";
import { BoundedLog } from "./containerd/bounded-log.ts";
import { CriRuntime } from "./cri-grpc.ts";
import { RuntimeError } from "./cri.ts";
import { writing } from "./file-error.ts";
import { importImages } from "./image-archive.ts";
import type { HostJournal } from "./journal.ts";
import { requireOverlay } from "./mounts.ts";
import { lives, processesOf, signalProcess, startDetached, type ProcessId, type ProgramProcess } from "./processes.ts";
import { pauseImageName, type RuntimeBundle } from "./runtime-bundle.ts";

const readyPauseMs = 20;
const readyMs = 60_000;
// Who wants a sandbox comes again, with pauses; it is longer than the image of sandboxes takes.
const sandboxesMs = 5_000;
const stopPauseMs = 20;
const stopMs = 10_000;

/** Where everything of one data directory's containerd lies. */
export interface ContainerdFolders {
  /** Sockets and mounts, gone after a restart of the machine; of this data directory alone. */
  readonly run: string;
  readonly socket: string;
  /** Images and the containers' own files. */
  readonly root: string;
  readonly log: string;
  readonly registries: string;
  readonly cniConfig: string;
  /** Where containerd serves streams: an address of the machine's loopback that nobody else has. */
  readonly streaming: string;
}

/** @param dataFolder Must exist. */
export function containerdFolders(dataFolder: string): ContainerdFolders {
  const real = realpathSync(dataFolder);
  const hash = createHash("sha256").update(real).digest("hex").slice(0, 10);
  const runFolder = `/run/kedge/${hash}/containerd`;
  const agent = join(real, "agent");
  return {
    run: runFolder,
    socket: join(runFolder, "containerd.sock"),
    root: join(agent, "containerd"),
    log: join(agent, "containerd/containerd.log"),
    registries: join(agent, "etc/containerd/certs.d"),
    cniConfig: join(agent, "etc/cni/net.d"),
    streaming: streamingAddress(hash),
  };
}

/** In the upper half of 127.0.0.0/8, away from what people and distributions use. */
function streamingAddress(hash: string): string {
  const [a = 0, b = 0, c = 0] = Buffer.from(hash.slice(0, 6), "hex");
  return `127.${128 + (a % 127)}.${b}.${1 + (c % 254)}`;
}

/** The containerds that run with a configuration of this data directory. More than one is a rest of trouble. */
export function containerdsOf({ run }: Pick<ContainerdFolders, "run">): readonly ProgramProcess[] {
  const config = join(run, "config-");
  return processesOf("containerd", ([, flag, path]) => flag === "--config" && path?.startsWith(config) === true);
}

export interface ContainerdOptions {
  readonly bundle: RuntimeBundle;
  readonly dataFolder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Where containerd's traces outside the data directory are noted. */
  readonly journal?: HostJournal;
}

/** Something that is on or off, and can be waited for. */
class Switch {
  private on = false;
  private waiting: { readonly on: boolean; readonly resolve: () => void }[] = [];

  set(on: boolean): void {
    this.on = on;
    const due = this.waiting.filter((one) => one.on === on);
    this.waiting = this.waiting.filter((one) => one.on !== on);
    for (const { resolve } of due) resolve();
  }

  async is(on: boolean, signal: AbortSignal): Promise<void> {
    if (this.on === on) return;
    if (signal.aborted) throw abortReason(signal);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { on, resolve };
    const abort = (): void => {
      this.waiting = this.waiting.filter((one) => one !== waiter);
      reject(abortReason(signal));
    };
    this.waiting.push(waiter);
    signal.addEventListener("abort", abort, { once: true });
    await promise.finally(() => signal.removeEventListener("abort", abort));
  }
}

export class Containerd implements Component {
  readonly name = "containerd";
  readonly folders: ContainerdFolders;
  /** Calls fail with `Unavailable` while containerd is not running. */
  readonly runtime: CriRuntime;
  private readonly options: ContainerdOptions;
  private readonly state = new Switch();

  constructor(options: ContainerdOptions) {
    this.options = options;
    this.folders = containerdFolders(options.dataFolder);
    this.runtime = new CriRuntime(this.folders.socket, (signal) => this.readyForSandboxes(signal));
  }

  /** Resolves while, or as soon as, containerd is ready to run pods. */
  ready(signal: AbortSignal): Promise<void> {
    return this.state.is(true, signal);
  }

  /** containerd serves before it has been given the pause image, for a moment in each first start. */
  private async readyForSandboxes(signal: AbortSignal): Promise<void> {
    using limit = deadline(this.options.clock, sandboxesMs, signal);
    try {
      await this.ready(limit.signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new RuntimeError(
        "Unavailable",
        `expected containerd to be ready within ${sandboxesMs / 1000} s, found that it is not`,
      );
    }
  }

  /** Resolves while, or as soon as, it is not: what the runtime was asked to report is then lost. */
  gone(signal: AbortSignal): Promise<void> {
    return this.state.is(false, signal);
  }

  /** Returns when the signal is aborted, and leaves containerd and the containers running. */
  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.options;
    const config = await this.prepare();
    using _bounded = new BoundedLog(this.folders.log, log);
    using connection = new GrpcClient(this.folders.socket);
    try {
      const process = (await this.adopt(config, signal)) ?? (await this.start(config));
      await this.becomeReady(process, signal);
      const lost = connection.lost(signal);
      this.state.set(true);
      log.debug("containerd is ready", { pid: process.pid });
      await lost;
      if (!signal.aborted)
        throw new Error(`containerd (pid ${process.pid}) went away: ${lastComplaint(this.folders.log)}`);
    } finally {
      this.state.set(false);
      this.runtime[Symbol.dispose]();
    }
  }

  /** Checks the machine and writes the configuration. @returns Its path, which names its content. */
  private async prepare(): Promise<string> {
    const { folders } = this;
    this.noteTraces();
    for (const folder of [folders.run, folders.root, folders.registries, folders.cniConfig])
      writing(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }));
    detectCgroups();
    await requireOverlay(folders.root);
    const text = containerdConfig({
      folders,
      bundle: this.options.bundle,
      mayRaiseOomScore: hasCapability(capSysResource),
      appArmor: hasAppArmor(),
    });
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 10);
    const path = join(folders.run, `config-${hash}.toml`);
    writing(path, () => writeFileSync(path, text, { mode: 0o600 }));
    return path;
  }

  private noteTraces(): void {
    const { journal } = this.options;
    // Compiled into containerd, its shims and the CNI library, and shared with whoever else uses them.
    for (const path of ["/run/kedge", "/run/containerd", "/run/containerd/s", "/var/lib/cni", "/var/lib/cni/results"])
      journal?.record({ kind: "folder", path, content: "shared" });
    const ours = dirname(this.folders.run);
    journal?.record({ kind: "folder", path: ours, content: "ours" });
    journal?.record({ kind: "mounts", path: ours });
  }

  /** The containerd that runs already with this configuration. One with another is ended; its containers go on. */
  private async adopt(config: string, signal: AbortSignal): Promise<ProcessId | undefined> {
    for (const { id, args } of containerdsOf(this.folders)) {
      if (args[2] === config) return id;
      await this.end(id, signal);
    }
    return undefined;
  }

  private async end(id: ProcessId, signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    signalProcess(id, "SIGTERM");
    const deadlineMs = clock.monotonicMs() + stopMs;
    while (lives(id)) {
      if (clock.monotonicMs() > deadlineMs) signalProcess(id, "SIGKILL");
      await clock.sleep(stopPauseMs, signal);
    }
  }

  private start(config: string): Promise<ProcessId> {
    const { bundle } = this.options;
    rmSync(this.folders.socket, { force: true });
    return startDetached(bundle.containerd, ["--config", config], {
      env: containerdEnvironment(bundle),
      logPath: this.folders.log,
    });
  }

  private async becomeReady(process: ProcessId, signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    const deadlineMs = clock.monotonicMs() + readyMs;
    for (;;) {
      const missing = await this.missing(signal);
      if (missing === undefined) break;
      if (!lives(process)) throw new Error(`containerd ended while it started: ${lastComplaint(this.folders.log)}`);
      if (clock.monotonicMs() > deadlineMs)
        throw new Error(
          `expected containerd to be ready within ${readyMs / 1000} s, found: ${missing}; see ${this.folders.log}`,
        );
      await clock.sleep(readyPauseMs, signal);
    }
    if (!(await this.runtime.imageStatus({ image: pauseImageName }, signal)))
      await importImages(
        this.options.bundle.pauseImage,
        { bundle: this.options.bundle, socket: this.folders.socket },
        signal,
      );
  }

  /** What keeps the runtime from being ready. */
  private async missing(signal: AbortSignal): Promise<string | undefined> {
    try {
      const { conditions } = await this.runtime.status(signal);
      const ready = conditions.find((condition) => condition.type === "RuntimeReady");
      return ready?.status ? undefined : (ready?.message ?? "it does not say whether it is ready");
    } catch (error) {
      if (error instanceof RuntimeError) return error.message;
      throw error;
    }
  }
}

const capSysResource = 24;

/** Containers in virtual machines and in other containers often lack capabilities that root usually has. */
function hasCapability(bit: number): boolean {
  const effective = /^CapEff:\t([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> BigInt(bit)) & 1n) === 1n;
}

/** Loading a profile also takes AppArmor's own program. */
function hasAppArmor(): boolean {
  return existsSync("/sys/kernel/security/apparmor") && existsSync("/sbin/apparmor_parser");
}

/** What containerd gets of kedge's environment: where programs are, and how registries are reached. */
const environmentPassed = /^(?:https?_proxy|no_proxy|all_proxy|SSL_CERT_(?:FILE|DIR)|TMPDIR|GODEBUG)$/i;

function containerdEnvironment(bundle: RuntimeBundle): Record<string, string> {
  const passed = Object.entries(process.env).flatMap(([key, value]) =>
    value !== undefined && environmentPassed.test(key) ? [[key, value] as const] : [],
  );
  return { ...Object.fromEntries(passed), PATH: `${bundle.binFolder}:/usr/sbin:/usr/bin:/sbin:/bin` };
}

const complaintBytes = 4096;

/** The last error containerd wrote down, for people. */
function lastComplaint(logPath: string): string {
  // Somebody may have removed it.
  if (!existsSync(logPath)) return `its log ${logPath} is gone`;
  const tail = readFileSync(logPath, "utf8").slice(-complaintBytes).trim().split("\n");
  const complaint = tail.findLast((line) => /level=(?:error|fatal)|^containerd: /.test(line)) ?? tail.at(-1) ?? "";
  return complaint === "" ? `it wrote nothing to ${logPath}` : complaint;
}
