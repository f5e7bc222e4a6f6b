/** What goes wrong by itself, drawn second by second from the plan. */
import type { SeededRandom } from "../seeded-random.ts";
import { nodes } from "#resources/core/node.ts";
import { twins } from "./invariants/machines.ts";
import type { World } from "./world.ts";

const downMsMax = 20_000;
// Beyond what pods tolerate of a node that does not answer.
const partitionMsMax = 600_000;
const noticedMsMax = 120_000;
// Writes between the draw and the kill: any of them may be the last.
const writesMax = 12;

export class Chaos {
  private readonly world: World;
  private readonly random: SeededRandom;

  constructor(world: World, random: SeededRandom) {
    this.world = world;
    this.random = random;
  }

  /** A second goes by. */
  async second(): Promise<void> {
    const { world, random } = this;
    const twin = await twins(world.nodes.values());
    if (twin) world.violated("no two pods of one name run at once", twin.found, twin.about);
    const { faults } = world;
    if (random.happens(faults.serverKilled)) this.killServer();
    if (random.happens(faults.clockSet)) this.setClock();
    if (random.happens(faults.compacted)) this.compact();
    for (const name of world.nodes.keys()) {
      if (random.happens(faults.kubeletKilled)) this.killKubelet(name);
      if (random.happens(faults.machineLost)) this.loseMachine(name);
      if (random.happens(faults.partitioned)) this.partition(name);
      if (random.happens(faults.containerDies)) await this.endContainer(name);
    }
  }

  private async endContainer(name: string): Promise<void> {
    this.world.count("container ended");
    await this.world.nodes.get(name)?.endOne(this.random);
  }

  /** At one of the next writes, before it or after it. */
  private killServer(): void {
    const { world, random } = this;
    if (!world.serving || world.disk.killAt) return;
    const kill = (): void => {
      world.killServer();
      world.clock.after(random.fraction() * downMsMax, () => world.startServer());
    };
    world.disk.killAt = { write: world.disk.written + random.below(writesMax), before: random.happens(0.5), kill };
  }

  private killKubelet(name: string): void {
    const { world, random } = this;
    const node = world.nodes.get(name);
    if (!node?.process) return;
    world.tell(`kubelet of ${name} killed`);
    world.count("kubelet killed");
    node.kill();
    world.clock.after(random.fraction() * downMsMax, () => {
      if (world.nodes.get(name) === node) node.start();
    });
  }

  /** The machine is gone; later an administrator notices, removes the node, and brings another machine. */
  private loseMachine(name: string): void {
    const { world, random } = this;
    world.tell(`${name} lost`);
    world.count("machine lost");
    world.loseNode(name);
    world.clock.after(random.fraction() * noticedMsMax, () => {
      world.tell(`${name} removed`);
      const key = { namespace: "", name };
      world.removeLater(nodes, key);
      world.addNode();
    });
  }

  private partition(name: string): void {
    const { world, random } = this;
    const forMs = random.fraction() * partitionMsMax;
    world.tell(`${name} partitioned for ${Math.round(forMs / 1000)} s`);
    world.count("partition");
    world.network.partition(name, forMs);
  }

  private setClock(): void {
    const { world, random } = this;
    const processes = [world.serving?.process, ...[...world.nodes.values()].map((node) => node.process)];
    const process = random.pick(processes.filter((one) => one !== undefined));
    if (!process) return;
    const aheadMs = Math.round((random.fraction() * 2 - 1) * world.faults.jumpMsMax);
    world.tell(`clock of ${process.name} set ${aheadMs / 1000} s off`);
    world.count("clock set");
    process.clock.aheadMs = aheadMs;
  }

  private compact(): void {
    const { world, random } = this;
    const { store } = world.disk;
    const revision = Math.max(store.compactedRevision, store.revision - random.below(20));
    world.tell(`compacted up to ${revision}`);
    world.count("compacted");
    void store.compact(revision);
  }
}
