/** Keeps an API server busy with requests of some clients for a while, and takes their times. */
import { H2Client, type Reply, type Request, type Target } from "./h2-client.ts";
import { percentile, type Figure } from "./figures.ts";

export interface Load {
  readonly clients: number;
  /** Ends after so many requests, */
  readonly requestsMax: number;
  /** or so many seconds, whichever is first. */
  readonly secondsMax: number;
  /** This share of both comes first and does not count. */
  readonly warmUp?: number;
}

/** The request with number `at`, sent by `client`; undefined when there is no more to do. */
export type Next = (at: number, client: number) => Request | undefined;

const warmUpUsual = 0.15;

/** Each client has a connection of its own and one request under way. */
export async function drive(target: Target, load: Load, next: Next): Promise<Figure> {
  const clients = await connectAll(target, load.clients);
  try {
    const run = new Run(load, next);
    await Promise.all(clients.map((client, number) => run.client(client, number)));
    return run.figure();
  } finally {
    for (const client of clients) client.close();
  }
}

export function connectAll(target: Target, count: number): Promise<readonly H2Client[]> {
  return Promise.all(Array.from({ length: count }, () => H2Client.connect(target)));
}

class Run {
  private readonly load: Load;
  private readonly next: Next;
  private readonly startMs = performance.now();
  private readonly latenciesMs: number[] = [];
  private at = 0;
  private countedFromMs: number | undefined;
  private lastMs = 0;
  private errors = 0;
  private firstError: string | undefined;

  constructor(load: Load, next: Next) {
    this.load = load;
    this.next = next;
  }

  async client(client: H2Client, number: number): Promise<void> {
    const { requestsMax, secondsMax, warmUp = warmUpUsual } = this.load;
    for (;;) {
      const at = this.at;
      const sentMs = performance.now();
      const spentMs = sentMs - this.startMs;
      if (at >= requestsMax || spentMs > secondsMax * 1_000) return;
      const request = this.next(at, number);
      if (!request) return;
      this.at += 1;
      if (at >= requestsMax * warmUp || spentMs > secondsMax * 1_000 * warmUp) this.countedFromMs ??= sentMs;
      const counts = this.countedFromMs !== undefined;
      const problem = await outcome(client, request);
      this.lastMs = performance.now();
      if (counts) this.latenciesMs.push(this.lastMs - sentMs);
      if (problem === undefined) continue;
      this.errors += 1;
      this.firstError ??= problem;
      if (this.errors > 1_000) return;
    }
  }

  figure(): Figure {
    const seconds = (this.lastMs - (this.countedFromMs ?? this.startMs)) / 1_000;
    return {
      value: this.latenciesMs.length / seconds,
      unit: "/s",
      p50Ms: percentile(this.latenciesMs, 0.5),
      p99Ms: percentile(this.latenciesMs, 0.99),
      count: this.latenciesMs.length,
      total: this.at,
      errors: this.errors,
      ...(this.firstError !== undefined && { firstError: this.firstError }),
    };
  }
}

/** What is wrong with the answer, in words; undefined when nothing is. */
async function outcome(client: H2Client, request: Request): Promise<string | undefined> {
  try {
    return refusal(await client.request(request));
  } catch (error) {
    return String(error);
  }
}

export function refusal({ status, pieces }: Reply): string | undefined {
  return status >= 200 && status < 300 ? undefined : `${status} ${Buffer.concat(pieces).toString().slice(0, 300)}`;
}
