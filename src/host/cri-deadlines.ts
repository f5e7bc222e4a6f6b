/**
 * A container runtime whose calls all have an end. A runtime that is stopped, or hangs, takes a call and never answers:
 * whoever waits for it must be told so in time. And what is being made is not broken off because its caller lost
 * interest: the runtime would leave half of it behind, a process above all.
 */
import { abortReason, type Clock } from "#base/clock.ts";
import { RuntimeError, type ContainerRuntime } from "./cri.ts";

type Method = Exclude<keyof ContainerRuntime, "events">;

interface Limit {
  /** From the call to its answer; undefined for calls that are as long as what they run, which the caller ends. */
  readonly withinMs: (request: unknown) => number | undefined;
  /** Awaited whether or not the caller still wants it. */
  readonly makes?: true;
}

const seconds = 1_000;
const fixed = (ms: number): Limit => ({ withinMs: () => ms });
const health = fixed(10 * seconds);
const question = fixed(30 * seconds);
const change = fixed(120 * seconds);
const making = (ms: number): Limit => ({ ...fixed(ms), makes: true });
// The runtime kills at the end of the time it is given, which may itself take some.
const afterTimeoutMs = 120 * seconds;
// A command that takes too long is refused by the runtime itself: this is for one that does not.
const afterCommandMs = 15 * seconds;

function timeoutOf(request: unknown): number {
  // Holds for the two requests it is asked about; what has no such member has no timeout.
  return (request as { readonly timeoutSeconds?: number }).timeoutSeconds ?? 0;
}

const limits: Readonly<Record<Method, Limit>> = {
  version: health,
  status: health,
  runPodSandbox: making(240 * seconds),
  stopPodSandbox: change,
  removePodSandbox: change,
  podSandboxStatus: question,
  listPodSandboxes: question,
  updatePodSandboxResources: change,
  createContainer: making(120 * seconds),
  startContainer: making(120 * seconds),
  stopContainer: { withinMs: (request) => timeoutOf(request) * seconds + afterTimeoutMs },
  removeContainer: change,
  containerStatus: question,
  listContainers: question,
  updateContainerResources: change,
  reopenContainerLog: question,
  execSync: {
    withinMs: (request) => {
      const timeout = timeoutOf(request);
      return timeout > 0 ? timeout * seconds + afterCommandMs : undefined;
    },
  },
  execUrl: question,
  attachUrl: question,
  portForwardUrl: question,
  containerStats: question,
  listContainerStats: question,
  podSandboxStats: question,
  listPodSandboxStats: question,
  listImages: question,
  imageStatus: question,
  // The runtime itself gives up on a download that does not move.
  pullImage: fixed(3_600 * seconds),
  removeImage: change,
  imageFsInfo: question,
};

/** When kedge ends, what is being made gets this long to be finished. */
const leaveMs = 3_000;

export class BoundedRuntime {
  /** The same runtime. A call that takes too long rejects with `Unavailable`. */
  readonly calls: ContainerRuntime;
  private readonly runtime: ContainerRuntime;
  private readonly clock: Clock;
  private readonly leaving = new AbortController();
  /** When the sandboxes that are being made now were asked for. */
  private readonly sandboxes = new Set<{ readonly sinceMs: number }>();

  /** @param life After its end nothing is waited for any more. */
  constructor(runtime: ContainerRuntime, clock: Clock, life: AbortSignal) {
    this.runtime = runtime;
    this.clock = clock;
    const leave = (): void => void clock.after(leaveMs, () => this.leaving.abort(abortReason(life)));
    life.addEventListener("abort", leave, { once: true });
    const names = Object.keys(limits) as Method[];
    const bounded = names.map((name) => [name, (...args: readonly unknown[]) => this.call(name, args)] as const);
    // Holds because the table has every method, and `call` passes arguments and answers on as they are.
    this.calls = {
      ...Object.fromEntries(bounded),
      events: (signal: AbortSignal) => runtime.events(signal),
    } as unknown as ContainerRuntime;
  }

  /** Since when the oldest sandbox has been in the making, on the clock that only goes forward. */
  get makingSandboxSinceMs(): number | undefined {
    const [oldest] = this.sandboxes;
    return oldest?.sinceMs;
  }

  private async call(name: Method, args: readonly unknown[]): Promise<unknown> {
    // Holds because each method's last argument is its signal.
    const signal = args.at(-1) as AbortSignal;
    if (signal.aborted) throw abortReason(signal);
    const { makes } = limits[name];
    const sandbox = name === "runPodSandbox" ? { sinceMs: this.clock.monotonicMs() } : undefined;
    if (sandbox) this.sandboxes.add(sandbox);
    try {
      const answer = await this.within(name, args, makes ? this.leaving.signal : signal);
      if (signal.aborted) throw abortReason(signal);
      return answer;
    } finally {
      if (sandbox) this.sandboxes.delete(sandbox);
    }
  }

  private async within(name: Method, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const limitMs = limits[name].withinMs(args[0]);
    const stop = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const giveUp = (why: Error): void => {
      stop.abort(why);
      reject(why);
    };
    const abort = (): void => giveUp(abortReason(signal));
    signal.addEventListener("abort", abort, { once: true });
    const timer =
      limitMs === undefined
        ? undefined
        : this.clock.after(limitMs, () =>
            giveUp(
              new RuntimeError("Unavailable", `expected an answer to ${name} within ${limitMs / 1000} s, found none`),
            ),
          );
    // Holds because every method takes its arguments, then a signal, and answers with a promise.
    const method = this.runtime[name] as (...given: readonly unknown[]) => Promise<unknown>;
    Reflect.apply(method, this.runtime, [...args.slice(0, -1), stop.signal]).then(resolve, reject);
    return await promise.finally(() => {
      timer?.cancel();
      signal.removeEventListener("abort", abort);
    });
  }
}
