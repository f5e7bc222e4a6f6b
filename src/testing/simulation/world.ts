/** Everything of one run: time, the disk and what was written on it, the server on it, the nodes, and what is between. */
import { createLog, type Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import { keyText, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { nodes } from "#resources/core/node.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { superusers, type User } from "#apiserver/access.ts";
import { ServerCore, type ServerCoreOptions } from "#distro/server-core.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { Disk } from "./disk.ts";
import { History, type Change } from "./history.ts";
import { invariants } from "./invariants.ts";
import { Network, type Serving } from "./network.ts";
import { SimulatedNode } from "./node.ts";
import type { Faults } from "./plan.ts";
import { Process } from "./process.ts";
import { Witness } from "./witness.ts";
import { teamPrefix } from "./users/context.ts";

const masters: User = { name: "admin", groups: [superusers] };

const linesMax = 2_000;
const retryMs = 1_000;

/** What was to hold, and what was found instead. */
export interface Violation {
  readonly atMs: number;
  readonly revision: number;
  readonly invariant: string;
  readonly found: string;
  /** The object it is about, "resource namespace/name"; "" when it is about none. */
  readonly about: string;
}

export type Given = Pick<ServerCoreOptions, "config" | "serviceKey">;

export class World {
  // Nothing here waits for anything but promises and timers.
  readonly clock = new VirtualClock(undefined, 1);
  readonly history = new History(this.clock);
  readonly disk: Disk;
  readonly network: Network;
  readonly nodes = new Map<string, SimulatedNode>();
  /** How often each fault happened. */
  readonly counts = new Map<string, number>();
  /** What was logged last, by all. */
  readonly lines: string[] = [];
  faults: Faults;
  serving: Serving | undefined;
  violation: Violation | undefined;
  /** Does what administrators have to, and does not give up. */
  readonly operator: Client;
  private readonly random: SeededRandom;
  private readonly given: Given;
  private readonly log: Log;
  private lives = 0;
  private machines = 0;
  private teams = 0;

  constructor(parts: { readonly random: SeededRandom; readonly faults: Faults; readonly given: Given }) {
    const { random, faults, given } = parts;
    const { clock } = this;
    this.random = random;
    this.faults = faults;
    this.given = given;
    this.log = createLog({ clock, level: "warn", write: (line) => this.say(line) });
    const count = (fault: string): void => this.count(fault);
    this.disk = new Disk({ clock, random: random.fork("disk"), faults: () => this.faults, count });
    this.network = new Network({
      clock,
      random: random.fork("network"),
      faults: () => this.faults,
      serving: () => this.serving,
      witness: new Witness(this.history, (...what) => this.violated(...what)),
      count,
    });
    this.operator = this.admin("operator");
    this.history.onChange((change) => this.check(change));
  }

  /** Part of what makes a run the same run, and of what is told with a failure. */
  say(line: string): void {
    this.history.note(line);
    this.lines.push(line);
    if (this.lines.length > linesMax) this.lines.splice(0, linesMax / 2);
  }

  /** Somebody or something does something. */
  tell(line: string): void {
    this.say(`${new Date(this.clock.nowMs()).toISOString()} ----- ${line}`);
  }

  count(fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
  }

  /** Starts the server on what is on the disk, unless it runs. */
  startServer(): void {
    if (this.serving) return;
    this.lives += 1;
    this.tell(`server starts, life ${this.lives}`);
    const { clock, random, network, log } = this;
    const process = new Process(`server-${this.lives}`, clock);
    const server = new ServerCore(
      {
        ...this.given,
        store: this.disk.open(process),
        clock: process.clock,
        random: random.fork(process.name),
        log,
        between: (client) => network.within(client, process),
      },
      process.killed,
    );
    this.serving = { server, process };
    server.start().catch((error: unknown) => this.say(`the server does not start: ${String(error)}`));
  }

  killServer(): void {
    if (!this.serving) return;
    this.tell(`server killed after ${this.disk.written} writes`);
    this.count("server killed");
    this.serving.process.kill();
    this.history.forgetAsked();
    this.serving = undefined;
  }

  /** The machine is gone, and all that ran on it. */
  loseNode(name: string): void {
    this.nodes.get(name)?.kill();
    this.nodes.delete(name);
  }

  /** An administrator deletes an object, however often that has to be tried. */
  removeLater<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey): void {
    this.operator.delete(resource, key).catch((error: unknown) => {
      if (!isReason(error, "NotFound")) this.clock.after(retryMs, () => this.removeLater(resource, key));
    });
  }

  /** Somewhere for users to begin. */
  addTeam(): void {
    const metadata = { name: `${teamPrefix}${this.teams}` };
    this.teams += 1;
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata, spec: {}, status: {} };
    this.operator.create(namespaces, namespace).catch((error: unknown) => {
      if (!isReason(error, "AlreadyExists")) this.clock.after(retryMs, () => this.addTeam());
    });
  }

  /** True for a node whose machine is gone. */
  isLost(name = ""): boolean {
    return !this.nodes.has(name);
  }

  /** Something does not hold. The first such thing ends the run. */
  violated(invariant: string, found: string, about = ""): void {
    this.violation ??= { atMs: this.clock.nowMs(), revision: this.history.revision, invariant, found, about };
  }

  private check(change: Change): void {
    if (this.violation) return;
    for (const { name, check } of invariants) {
      const found = check(change, this.history);
      if (found === undefined) continue;
      this.violated(name, found, `${change.resource} ${keyText(change.key)}`);
      return;
    }
  }

  /** A new machine joins. */
  addNode(): void {
    const name = `node-${this.machines}`;
    this.machines += 1;
    this.tell(`${name} joins`);
    const node = new SimulatedNode({
      name,
      clock: this.clock,
      random: this.random.fork(name),
      log: this.log,
      faults: () => this.faults,
      count: (fault) => this.count(fault),
      podCidr: () => this.history.get(nodes, { namespace: "", name })?.spec.podCIDR,
      clientFor: (user, process) =>
        this.network.remote({ name: user, groups: ["system:nodes", "system:authenticated"] }, process, name),
    });
    this.nodes.set(name, node);
    node.start();
  }

  /** An administrator's client on a machine of their own. */
  admin(name: string): Client {
    return this.network.remote(masters, new Process(name, this.clock));
  }
}
