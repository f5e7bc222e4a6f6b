/** Bringing an image archive into containerd, by the ctr of the bundle, which knows both forms of archives. */
import { spawn } from "node:child_process";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Duplex } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { messageOf } from "#base/assert.ts";
import { run } from "./processes.ts";
import type { RuntimeBundle } from "./runtime-bundle.ts";

/** The namespace in which containerd keeps what belongs to CRI. */
export const criNamespace = "k8s.io";
const complaintBytesMax = 4096;

/**
 * Puts the images of an archive (an OCI layout or Docker's form; plain, gzip or zstd) into containerd, pinned.
 *
 * @returns The images' names.
 * @throws Error with one sentence when the archive is none, or is cut short.
 */
export async function importImages(
  path: string,
  target: { readonly bundle: RuntimeBundle; readonly socket: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const decompress = decompressorOf(path);
  const labels = ["--label", "io.cri-containerd.pinned=pinned", "--label", "io.cri-containerd.image=managed"];
  // The transfer service does not wait until the layers are on the disk: see containerd/config.ts.
  const how = ["--local", ...labels, decompress ? "-" : path];
  const args = ["-a", target.socket, "-n", criNamespace, "images", "import", ...how];
  const child = spawn(target.bundle.ctr, args, { stdio: ["pipe", "pipe", "pipe"], signal });
  const output: string[] = [];
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stderr
    .setEncoding("utf8")
    .on("data", (text: string) => (complaint = (complaint + text).slice(-complaintBytesMax)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const fed = decompress ? pipeline(createReadStream(path), decompress, child.stdin) : undefined;
  if (!fed) child.stdin.end();
  const [code, feeding] = await Promise.all([
    ended,
    fed?.then(
      () => undefined,
      (error: unknown) => error,
    ),
  ]);
  if (code !== 0 || (feeding !== undefined && !isBrokenPipe(feeding))) {
    const why = feeding !== undefined && !isBrokenPipe(feeding) ? messageOf(feeding) : reasonOf(complaint);
    throw new Error(
      `expected an image archive (OCI layout or docker save), found one that cannot be read (${why}): make it again`,
    );
  }
  return await namesOf(digestsIn(output.join("")), target, signal);
}

/** What the program says it imported: it shortens names and changes letters in them, but says each digest whole. */
function digestsIn(output: string): ReadonlySet<string> {
  return new Set(output.match(/sha256:[0-9a-f]{64}/g));
}

async function namesOf(
  digests: ReadonlySet<string>,
  target: { readonly bundle: RuntimeBundle; readonly socket: string },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const list = await run(target.bundle.ctr, ["-a", target.socket, "-n", criNamespace, "images", "ls"], { signal });
  return list
    .split("\n")
    .map((line) => line.split(/\s+/))
    .filter(([name = "", , digest = ""]) => digests.has(digest) && !name.startsWith("sha256:"))
    .map(([name = ""]) => name);
}

/** By the first bytes, not the name. Undefined for a plain archive. */
function decompressorOf(path: string): Duplex | undefined {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(4);
    readSync(file, start, 0, 4, 0);
    if (start.readUInt16BE(0) === 0x1f8b) return createGunzip();
    if (start.readUInt32LE(0) === 0xfd2fb528) return createZstdDecompress();
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** The reader ended before it had everything; its own complaint says why. */
function isBrokenPipe(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_PREMATURE_CLOSE")
  );
}

function reasonOf(complaint: string): string {
  return /^ctr: (.*)$/m.exec(complaint)?.[1] ?? (complaint.trim().split("\n").at(-1) || "no reason given");
}
