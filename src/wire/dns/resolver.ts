/**
 * Questions that others answer: asked of the machine's name servers, the same question once at a time, and its answer
 * kept for as long as it says, half a minute at the most. A server that does not reply is left aside for a while, and
 * while it is waited for the next one is asked too.
 */
import type { Clock } from "#base/clock.ts";
import { exchange, type ExchangeOptions } from "./exchange.ts";
import { questionKey, replyFor, responseCode, secondsToKeep } from "./packet.ts";

// Beyond these, queries are dropped: their senders ask again.
export const forwardsMax = 1_000;
const keptMax = 2_048;
const keptBytesMax = 4_096;
const keptSecondsMax = 30;
// A name server that gives no reply within this is raced by the next one.
const impatientMs = 400;
const downMs = 10_000;
// What libc uses of a resolv.conf; a dozen would only make the last answer later.
const serversMax = 3;
const retryCodes = new Set([2, 5]);

export interface ResolverOptions {
  /** "address" or "address:port"; read at each use. */
  readonly upstreams: () => readonly string[];
  readonly clock: Clock;
}

interface Kept {
  readonly reply: Uint8Array;
  readonly atMs: number;
  readonly untilMs: number;
}

export class Resolver {
  private readonly options: ResolverOptions;
  // Oldest first; at most `keptMax`.
  private readonly kept = new Map<string, Kept>();
  private readonly asking = new Map<string, Promise<Uint8Array | undefined>>();
  private readonly downUntilMs = new Map<string, number>();
  private underway = 0;

  constructor(options: ResolverOptions) {
    this.options = options;
  }

  /** The reply to this query; undefined when no server gave one, or too much is asked at once. Never rejects. */
  async resolve(query: Uint8Array, options: ExchangeOptions): Promise<Uint8Array | undefined> {
    const key = questionKey(query);
    if (key === undefined) return this.ask(query, options);
    const nowMs = this.options.clock.monotonicMs();
    const kept = this.kept.get(key);
    if (kept && kept.untilMs > nowMs) return replyFor(query, kept.reply, Math.floor((nowMs - kept.atMs) / 1000));
    const transport = `${options.overTcp} ${key}`;
    const shared = this.asking.get(transport) ?? this.askShared(key, transport, { query, options });
    const reply = await shared;
    return reply && replyFor(query, reply, 0);
  }

  private askShared(
    key: string,
    transport: string,
    { query, options }: { readonly query: Uint8Array; readonly options: ExchangeOptions },
  ): Promise<Uint8Array | undefined> {
    const asked = this.ask(query, options)
      .then((reply) => {
        if (reply) this.keep(key, reply);
        return reply;
      })
      .finally(() => this.asking.delete(transport));
    this.asking.set(transport, asked);
    return asked;
  }

  private keep(key: string, reply: Uint8Array): void {
    this.kept.delete(key);
    const seconds = Math.min(secondsToKeep(reply), keptSecondsMax);
    if (seconds === 0 || reply.length > keptBytesMax) return;
    const atMs = this.options.clock.monotonicMs();
    // A copy: the reply may be a slice of a larger buffer.
    this.kept.set(key, { reply: Uint8Array.from(reply), atMs, untilMs: atMs + seconds * 1000 });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= keptMax) break;
      this.kept.delete(oldest);
    }
  }

  private async ask(query: Uint8Array, options: ExchangeOptions): Promise<Uint8Array | undefined> {
    if (this.underway >= forwardsMax) return undefined;
    this.underway += 1;
    const over = new AbortController();
    try {
      const signal = AbortSignal.any([options.signal, over.signal]);
      return await this.race(query, { overTcp: options.overTcp, signal });
    } finally {
      over.abort(new Error("another server replied"));
      this.underway -= 1;
    }
  }

  /** The first useful reply; a refusal or failure of one server only when no other has better. */
  private race(query: Uint8Array, options: ExchangeOptions): Promise<Uint8Array | undefined> {
    const servers = this.inOrder();
    return new Promise((resolve) => {
      let started = 0;
      let open = 0;
      let poor: Uint8Array | undefined;
      const next = (): void => {
        const server = servers[started];
        if (server === undefined || options.signal.aborted) {
          if (open === 0) resolve(poor);
          return;
        }
        started += 1;
        open += 1;
        const impatience = this.options.clock.after(impatientMs, () => {
          this.setAside(server);
          next();
        });
        const ended = (reply: Uint8Array | undefined): void => {
          impatience.cancel();
          open -= 1;
          if (reply && !retryCodes.has(responseCode(reply))) resolve(reply);
          else {
            poor ??= reply;
            next();
          }
        };
        exchange(query, server, options).then(
          (reply) => {
            this.downUntilMs.delete(server);
            ended(reply);
          },
          () => {
            // Cut short because another one replied says nothing of this one.
            if (!options.signal.aborted) this.setAside(server);
            ended(undefined);
          },
        );
      };
      next();
    });
  }

  private setAside(server: string): void {
    this.downUntilMs.set(server, this.options.clock.monotonicMs() + downMs);
  }

  /** Those that replied lately first. */
  private inOrder(): readonly string[] {
    const nowMs = this.options.clock.monotonicMs();
    const servers = this.options.upstreams().slice(0, serversMax);
    for (const known of this.downUntilMs.keys()) if (!servers.includes(known)) this.downUntilMs.delete(known);
    const isDown = (server: string): boolean => (this.downUntilMs.get(server) ?? 0) > nowMs;
    return [...servers.filter((server) => !isDown(server)), ...servers.filter(isDown)];
  }
}
