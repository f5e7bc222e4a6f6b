/** The server that is attacked: with a node, on an empty data directory, ended and removed whatever becomes of it. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKedge, type Kedge } from "../bench/kedge.ts";
import { freePort } from "./free-port.ts";
import type { Attacked } from "./observed.ts";

const root = join(import.meta.dirname, "../..");
/** The image of hostile pods: busybox, and curl beside it. */
export const image = "kedge.local/toolbox:1";

export interface AttackedServer extends Attacked, AsyncDisposable {
  readonly dataFolder: string;
  readonly lastWords: () => readonly string[];
}

/** Resolves when its node is ready. */
export async function startAttacked(): Promise<AttackedServer> {
  execFileSync("sh", [join(root, "examples/images/build"), "toolbox"], { stdio: "ignore" });
  const kedge: Kedge = await startKedge({
    folder: tmpdir(),
    port: await freePort(),
    node: true,
    prepare: (dataFolder) => {
      const folder = join(dataFolder, "agent/images");
      mkdirSync(folder, { recursive: true });
      copyFileSync(join(root, "examples/images/out/toolbox.tar"), join(folder, "toolbox.tar"));
    },
  });
  try {
    await kedge.nodeMs;
  } catch (error) {
    await kedge[Symbol.asyncDispose]();
    throw error;
  }
  const { admin: target, pid, isRunning, dataFolder, lastWords } = kedge;
  return { target, pid, isRunning, dataFolder, lastWords, [Symbol.asyncDispose]: () => kedge[Symbol.asyncDispose]() };
}
