/** The kernel's table of connections. A UDP flow to an endpoint that is gone stays on its way until its entry goes. */
import { CommandError, run } from "./processes.ts";

// The kernel goes through its whole table, which may hold hundreds of thousands.
const answerMs = 30_000;

/** Which entries; what is absent matches all. */
export interface ConntrackFilter {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly family: "ipv4" | "ipv6";
  /** Where the client sent to: a Service's address, or a node's. */
  readonly originalDestination?: string;
  readonly originalPort?: number;
  /** Who answers: an endpoint. */
  readonly replySource?: string;
}

/** @param program The bundle's conntrack. @returns How many entries were removed. */
export async function forgetConnections(program: string, filter: ConntrackFilter): Promise<number> {
  const { protocol, family, originalDestination, originalPort, replySource } = filter;
  try {
    const removed = await run(
      program,
      [
        "-D",
        "-f",
        family,
        "-p",
        protocol,
        ...(originalDestination === undefined ? [] : ["--orig-dst", originalDestination]),
        ...(originalPort === undefined ? [] : ["--orig-port-dst", String(originalPort)]),
        ...(replySource === undefined ? [] : ["--reply-src", replySource]),
      ],
      { timeoutMs: answerMs },
    );
    return removed.split("\n").filter((line) => line !== "").length;
  } catch (error) {
    // It ends with 1 when nothing matched.
    if (error instanceof CommandError && error.stderr.includes("0 flow entries have been deleted")) return 0;
    throw error;
  }
}

/** Who answers the UDP flows to an address (any, when absent) and port, each once. At most `peersMax` of them. */
export async function udpPeers(
  program: string,
  { address, port }: { readonly address?: string | undefined; readonly port: number },
): Promise<readonly string[]> {
  const where = address === undefined ? [] : ["--orig-dst", address];
  const text = await run(program, ["-L", "-f", "ipv4", "-p", "udp", ...where, "--orig-port-dst", String(port)], {
    timeoutMs: answerMs,
  });
  const peers = new Set<string>();
  for (const line of text.split("\n")) {
    // The first source is the client, the second who answers it.
    const source = line.split(" src=")[2]?.split(" ")[0];
    if (source !== undefined) peers.add(source);
    if (peers.size === peersMax) break;
  }
  return [...peers];
}

const peersMax = 1_000;
