/** A node that joins from outside of this machine: its kubelet runs in a network namespace of its own, and means harm. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { locateBundle } from "#host/runtime-bundle.ts";
import type { CertifiedKey } from "#wire/x509.ts";
import { Api } from "./api.ts";
import type { HostileKubelet } from "./hostile-kubelet.ts";
import type { AttackedServer } from "./server.ts";

const root = join(import.meta.dirname, "../..");
const joinMs = 20_000;
// Of this process, so that another attack may go on beside this one.
const namespace = `kedge-attack-${process.pid}`;
const link = `ka${process.pid}`;
const segment = `198.19.${process.pid % 250}`;
const [near, far] = [`${segment}.1`, `${segment}.2`];

export interface OutsideNode extends AsyncDisposable {
  /** Where its kubelet listens. */
  readonly address: string;
  /** With the certificate it was given when it joined. */
  readonly api: Api;
}

/** @param nodeName As which it joins. @param bait An address that nothing may be led to. */
export async function joinFromOutside(server: AttackedServer, nodeName: string, bait: string): Promise<OutsideNode> {
  const bundle = locateBundle(root);
  if (!bundle) throw new Error("expected the bundle of programs that the server's node runs with, found none");
  const ip = (...args: readonly string[]): unknown => execFileSync(bundle.ip, args);
  ip("netns", "add", namespace);
  const endings: (() => unknown)[] = [() => ip("netns", "delete", namespace)];
  const end = async (): Promise<void> => {
    for (const act of endings.toReversed()) await act();
  };
  try {
    ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    ip("address", "add", `${near}/24`, "dev", link);
    ip("link", "set", link, "up");
    ip("-n", namespace, "address", "add", `${far}/24`, "dev", "eth0");
    for (const name of ["lo", "eth0"]) ip("-n", namespace, "link", "set", name, "up");
    const { port } = new URL(server.target.url);
    const token = readFileSync(join(server.dataFolder, "server/agent-token"), "utf8").trim();
    const { identity, leave } = await startKubelet({
      nodeName,
      token,
      bait,
      address: far,
      api: `https://${near}:${port}`,
    });
    endings.push(leave);
    return { address: far, api: new Api({ ...server.target, ...identity }), [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface Started {
  readonly identity: CertifiedKey;
  readonly leave: () => Promise<void>;
}

async function startKubelet(kubelet: HostileKubelet): Promise<Started> {
  const script = join(import.meta.dirname, "hostile-kubelet.ts");
  const child = spawn(
    "nsenter",
    [
      `--net=/run/netns/${namespace}`,
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      script,
      JSON.stringify(kubelet),
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const exited = new Promise<void>((resolve) => void child.once("close", () => resolve()));
  // It ends when its input does.
  const leave = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  const lines = createInterface(child.stdout);
  const late = AbortSignal.timeout(joinMs);
  try {
    const line = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      child.once("error", reject);
      child.once("close", () => reject(new Error("expected the hostile kubelet to join, found that it ended")));
      late.addEventListener("abort", () => reject(new Error("expected the hostile kubelet to join in time")));
    });
    // Holds because only hostile-kubelet.ts writes it.
    return { identity: JSON.parse(line) as CertifiedKey, leave };
  } catch (error) {
    await leave();
    throw error;
  }
}
