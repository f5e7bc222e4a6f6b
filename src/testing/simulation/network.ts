/** What is between clients and the server: calls and events that are late, lost or refused, and nodes that reach nobody. */
import type { Clock } from "#base/clock.ts";
import type { Client } from "#client/client.ts";
import type { User } from "#apiserver/access.ts";
import { unavailable } from "#machinery/status.ts";
import { FaultyClient, served, type Call, type Fate, type Line } from "../faulty-client.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { ServerCore } from "#distro/server-core.ts";
import type { Faults } from "./plan.ts";
import type { Process } from "./process.ts";
import type { Witness } from "./witness.ts";

/** The server that runs, and the process it is. */
export interface Serving {
  readonly server: ServerCore;
  readonly process: Process;
}

export interface NetworkParts {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly faults: () => Faults;
  readonly witness: Witness;
  readonly serving: () => Serving | undefined;
  /** Counts what went wrong. */
  readonly count: (fault: string) => void;
}

// What a connection takes when nothing is wrong.
const usualMsMax = 10;
// A client that hears nothing for so long gives up.
const patienceMs = 15_000;

const reads: ReadonlySet<Call["verb"]> = new Set(["get", "list", "watch"]);

export class Network {
  private readonly parts: NetworkParts;
  // By name of the node: until when it reaches nobody.
  private readonly partitions = new Map<string, number>();

  constructor(parts: NetworkParts) {
    this.parts = parts;
  }

  /** The node reaches nobody for so long. */
  partition(node: string, forMs: number): void {
    this.partitions.set(node, this.parts.clock.monotonicMs() + forMs);
  }

  heal(): void {
    this.partitions.clear();
  }

  isPartitioned(node: string): boolean {
    return (this.partitions.get(node) ?? 0) > this.parts.clock.monotonicMs();
  }

  /** A client on another machine, as this user. */
  remote(user: User, process: Process, node = ""): Client {
    const line: Line = {
      name: user.name,
      connect: () => {
        const serving = this.parts.serving();
        if (!serving?.server.ready) throw unavailable("connection refused");
        return { client: this.parts.witness.of(serving.server.api.clientFor(user)), cut: serving.process.killed };
      },
    };
    const random = this.parts.random.fork(`${user.name} ${process.name}`);
    return process.fence(new FaultyClient(line, process.clock, (call) => this.fateOf(call, random, node)));
  }

  /** A client within the server's process: what goes wrong with it is what goes wrong in the server. */
  within(client: Client, process: Process): Client {
    const random = this.parts.random.fork(`${client.name} ${process.name}`);
    const witnessed = this.parts.witness.of(client);
    return new FaultyClient(witnessed, process.clock, (call) => this.drawn(call, random, 0));
  }

  private fateOf(call: Call, random: SeededRandom, node: string): Fate {
    const leftMs = (this.partitions.get(node) ?? 0) - this.parts.clock.monotonicMs();
    if (leftMs <= 0) return this.drawn(call, random, usualMsMax);
    this.parts.count("partitioned");
    // What was sent comes through once the others are reached again, unless the client has given up.
    if (leftMs < patienceMs) return { kind: "served", lateMs: leftMs };
    if (reads.has(call.verb) || random.happens(0.5)) return { kind: "refused", lateMs: patienceMs };
    return { kind: "lost", lateMs: patienceMs };
  }

  private drawn({ verb }: Call, random: SeededRandom, usualMs: number): Fate {
    const { count } = this.parts;
    const { refused, lost, late, lateMsMax, cut } = this.parts.faults();
    if (verb === "watch" && random.happens(cut)) {
      count("cut");
      return { kind: "lost" };
    }
    if (verb !== "watch" && random.happens(refused)) {
      count("refused");
      return { kind: "refused" };
    }
    if (!reads.has(verb) && random.happens(lost)) {
      count("lost");
      return { kind: "lost" };
    }
    if (random.happens(late)) {
      count("late");
      return { kind: "served", lateMs: random.fraction() ** 3 * lateMsMax };
    }
    return usualMs === 0 || verb === "watch" ? served : { kind: "served", lateMs: random.fraction() * usualMs };
  }
}
