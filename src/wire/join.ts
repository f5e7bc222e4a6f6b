/** Joins two connections into one. */
import type { Duplex } from "node:stream";

/** Copies both ways; each end keeps its direction open by itself, and a broken one breaks the other. */
export function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.once("close", () => {
      if (!from.readableEnded) to.destroy();
    });
  }
}
