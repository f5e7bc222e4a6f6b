/** A port of the host is given to one pod only, on each address. */
import { portKey, type NodeInfo } from "../node-info.ts";
import { check, resolvable, type Filter, type Hint } from "../plugin.ts";
import type { HostPort, PodFacts } from "../pod-facts.ts";

const anyAddress = "0.0.0.0";

const taken = resolvable("node(s) didn't have free ports for the requested pod ports");

function isTaken(node: NodeInfo, { protocol, port, ip }: HostPort): boolean {
  if (ip !== anyAddress)
    return node.ports.has(portKey(protocol, port, ip)) || node.ports.has(portKey(protocol, port, anyAddress));
  // The address of all: taken when any address is.
  const prefix = portKey(protocol, port, "");
  for (const key of node.ports.keys()) if (key.startsWith(prefix)) return true;
  return false;
}

export const nodePorts: Filter = ({ ports }) => {
  if (ports.length === 0) return undefined;
  return check((node) => (ports.some((port) => isTaken(node, port)) ? taken : undefined));
};

function collide(one: PodFacts, other: PodFacts): boolean {
  return one.ports.some((a) =>
    other.ports.some(
      (b) =>
        a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress),
    ),
  );
}

export const nodePortsHint: Hint = (pod, event) => {
  if (event.kind === "node") return event.old === undefined;
  return event.kind === "podGone" && collide(pod, event.pod);
};
