/** The load generator's process, seen from the one that prints. */
import { fork } from "node:child_process";
import { join } from "node:path";
import type { Answer, Order } from "./load.ts";

/** Longer than any shape is meant to take; then something hangs. */
const shapeMs = 240_000;

export interface LoadProcess extends Disposable {
  /** One at a time. @throws Error when the process does not answer */
  readonly run: (order: Order) => Promise<Answer>;
}

export function startLoadProcess(): LoadProcess {
  const child = fork(join(import.meta.dirname, "load.ts"), { execArgv: process.execArgv });
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        const ended = (code: number | null): void => {
          clearTimeout(timer);
          reject(new Error(`the load generator ended with code ${code}`));
        };
        const timer = setTimeout(() => {
          child.off("exit", ended);
          child.kill("SIGKILL");
          reject(new Error(`expected "${order.shape}" to be done in ${shapeMs / 1_000} s, found it still running`));
        }, shapeMs);
        child.once("exit", ended);
        child.once("message", (answer: Answer) => {
          clearTimeout(timer);
          child.off("exit", ended);
          resolve(answer);
        });
        child.send(order);
      }),
    [Symbol.dispose]: () => child.disconnect(),
  };
}
