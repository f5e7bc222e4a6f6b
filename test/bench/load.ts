/**
 * The process that makes the load, apart from the one that prints, so that each shape's time is its own. Its parent
 * sends it one shape at a time.
 */
import type { Figure } from "./figures.ts";
import { shapes, type Scene } from "./shapes.ts";

export interface Order {
  readonly shape: string;
  readonly scene: Scene;
}

export type Answer =
  | { readonly kind: "measured"; readonly figure: Figure }
  | { readonly kind: "failed"; readonly why: string };

async function obey({ shape, scene }: Order): Promise<Answer> {
  try {
    const run = shapes[shape];
    if (!run) throw new Error(`expected one of ${Object.keys(shapes).join("; ")}, found "${shape}"`);
    return { kind: "measured", figure: await run(scene) };
  } catch (error) {
    return { kind: "failed", why: String(error) };
  }
}

process.on("message", (order: Order) => {
  void obey(order).then((answer) => process.send?.(answer));
});
process.on("disconnect", () => process.exit(0));
