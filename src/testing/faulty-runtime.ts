/**
 * A container runtime that is less kind than the one in memory: calls hang, take time, and what is broken off while it
 * is made leaves something behind, as containerd does.
 */
import { abortReason, type Clock } from "#base/clock.ts";
import { RuntimeError, type ContainerRuntime } from "#host/cri.ts";

export type RuntimeMethod = Exclude<keyof ContainerRuntime, "events">;

/** Calls that leave a process behind when they are broken off. */
const makes: ReadonlySet<string> = new Set(["runPodSandbox", "createContainer", "startContainer"]);

export class RuntimeFaults {
  /** How long calls take, by method. */
  readonly slowMs = new Map<RuntimeMethod, number>();
  /** Methods that are refused, and with which words. */
  readonly failing = new Map<RuntimeMethod, string>();
  /** Processes that nobody will ever end. */
  leaked = 0;
  private readonly clock: Clock;
  private hung: { readonly done: Promise<void>; readonly goOn: () => void } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** From now on nothing is answered, as from a stopped process, until `goOn`. */
  hang(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.hung ??= { done: promise, goOn: resolve };
  }

  goOn(): void {
    this.hung?.goOn();
    this.hung = undefined;
  }

  /** What every call waits for. */
  async pass(method: RuntimeMethod, signal: AbortSignal): Promise<void> {
    const refusal = this.failing.get(method);
    if (refusal !== undefined) throw new RuntimeError("Unknown", refusal);
    const slowMs = this.slowMs.get(method) ?? 0;
    try {
      if (this.hung) await untilAborted(this.hung.done, signal);
      if (slowMs > 0) await this.clock.sleep(slowMs, signal);
    } catch (error) {
      if (makes.has(method)) this.leaked += 1;
      throw error;
    }
  }
}

/** The same runtime with faults that a test chooses. */
export function faultyRuntime(runtime: ContainerRuntime, faults: RuntimeFaults): ContainerRuntime {
  return new Proxy(runtime, {
    get(target, name, receiver): unknown {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== "function" || typeof name !== "string" || name === "events")
        return typeof value === "function" ? value.bind(target) : value;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        const signal = args.at(-1);
        // Holds because everything that can be called here is a method of the contract.
        await faults.pass(name as RuntimeMethod, signal instanceof AbortSignal ? signal : new AbortController().signal);
        return await (Reflect.apply(value, target, args) as Promise<unknown>);
      };
    },
  });
}

async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(abortReason(signal));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  work.then(resolve, reject);
  await promise.finally(() => signal.removeEventListener("abort", abort));
}
