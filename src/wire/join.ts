/** Joins two connections into one. */
import type { Duplex } from "node:stream";

// An end that is left over gets so long to pass on what was written to it.
const lingerMs = 2_000;

/**
 * Copies both ways; each end keeps its direction open by itself, and a broken one breaks the other. Nothing of one
 * outlives the other: when one is over, nobody is there to read what the other still says.
 */
export function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.once("close", () => leave(to, from.readableEnded));
    // One that is over already will not say so again.
    if (from.destroyed) leave(to, from.readableEnded);
  }
}

/** @param whole True when everything for it has come. */
function leave(end: Duplex, whole: boolean): void {
  if (end.destroyed) return;
  if (!whole || end.writableFinished) {
    end.destroy();
    return;
  }
  const late = setTimeout(() => end.destroy(), lingerMs).unref();
  end.once("close", () => clearTimeout(late));
  end.once("finish", () => end.destroy());
  end.end();
}
