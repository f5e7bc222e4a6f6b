/** The kernel's table of connections. A UDP flow to an endpoint that is gone stays on its way until its entry goes. */
import { CommandError, run } from "./processes.ts";

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
    const removed = await run(program, [
      "-D",
      "-f",
      family,
      "-p",
      protocol,
      ...(originalDestination === undefined ? [] : ["--orig-dst", originalDestination]),
      ...(originalPort === undefined ? [] : ["--orig-port-dst", String(originalPort)]),
      ...(replySource === undefined ? [] : ["--reply-src", replySource]),
    ]);
    return removed.split("\n").filter((line) => line !== "").length;
  } catch (error) {
    // It ends with 1 when nothing matched.
    if (error instanceof CommandError && error.stderr.includes("0 flow entries have been deleted")) return 0;
    throw error;
  }
}
