/** The server that is attacked: with a node, on an empty data directory, ended and removed whatever becomes of it. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKedge, type Kedge } from "../bench/kedge.ts";
import { freePort } from "./free-port.ts";
import type { Attacked } from "./observed.ts";
import { Stalls } from "./stalls.ts";

const root = join(import.meta.dirname, "../..");
/** The image of hostile pods: busybox, and curl beside it. */
export const image = "kedge.local/toolbox:1";

export interface AttackedServer extends Attacked, AsyncDisposable {
  readonly dataFolder: string;
  readonly lastWords: () => readonly string[];
}

/** Resolves when its node is ready. @param profileFolder Where the server leaves what it did, when that is wanted. */
export async function startAttacked(profileFolder: string | undefined): Promise<AttackedServer> {
  execFileSync("sh", [join(root, "examples/images/build"), "toolbox"], { stdio: "ignore" });
  const seen = profileFolder ?? mkdtempSync(join(tmpdir(), "kedge-attack-stalls-"));
  const stalls = new Stalls(seen, profileFolder !== undefined);
  const kedge: Kedge = await startKedge({
    environment: stalls.environment,
    folder: tmpdir(),
    port: await freePort(),
    node: true,
    prepare: (dataFolder) => {
      const folder = join(dataFolder, "agent/images");
      mkdirSync(folder, { recursive: true });
      copyFileSync(join(root, "examples/images/out/toolbox.tar"), join(folder, "toolbox.tar"));
    },
  });
  const end = async (): Promise<void> => {
    await kedge[Symbol.asyncDispose]();
    if (profileFolder === undefined) rmSync(seen, { recursive: true });
  };
  try {
    await kedge.nodeMs;
  } catch (error) {
    await end();
    throw error;
  }
  const { admin: target, pid, isRunning, dataFolder, lastWords } = kedge;
  return { target, pid, stalls, isRunning, dataFolder, lastWords, [Symbol.asyncDispose]: end };
}
