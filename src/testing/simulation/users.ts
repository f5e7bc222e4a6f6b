/** Users who do one thing or another, as chance has it, several at once. */
import { messageOf } from "#base/assert.ts";
import type { Client } from "#client/client.ts";
import { StatusError } from "#machinery/status.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { batchDeeds } from "./users/batch.ts";
import type { Deed, UserContext } from "./users/context.ts";
import { namespaceDeeds } from "./users/namespaces.ts";
import { serviceDeeds } from "./users/services.ts";
import { workloadDeeds } from "./users/workloads.ts";
import type { World } from "./world.ts";

const deeds = [...namespaceDeeds, ...workloadDeeds, ...batchDeeds, ...serviceDeeds];
const last: Deed = { name: "create nothing", weight: 0, act: () => Promise.resolve() };
const weightSum = deeds.reduce((sum, { weight }) => sum + weight, 0);

export class Users {
  /** What was done. */
  done = 0;
  private readonly world: World;
  private readonly random: SeededRandom;
  private readonly context: UserContext;
  private made = 0;

  constructor(world: World, random: SeededRandom) {
    this.world = world;
    this.random = random;
    const client: Client = world.admin("user");
    this.context = { client, random, history: world.history, next: () => (this.made += 1) };
  }

  /** One of them does something, which goes on while time does. */
  act(): void {
    const { name, act } = this.chosen();
    this.done += 1;
    const number = this.done;
    this.world.tell(`user ${number}: ${name}`);
    act(this.context).catch((error: unknown) => {
      this.world.tell(`user ${number}: ${name}: ${messageOf(error)}`);
      if (!(error instanceof StatusError)) this.world.violated("every refusal is a status", messageOf(error));
    });
  }

  private chosen(): Deed {
    let at = this.random.fraction() * weightSum;
    for (const deed of deeds) {
      at -= deed.weight;
      if (at < 0) return deed;
    }
    return last;
  }
}
