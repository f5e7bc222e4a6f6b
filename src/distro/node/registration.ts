/** Labels and taints a node registers with, from their flags, whose form was checked when they were read. */
import type { Taint } from "#resources/core/node.ts";
import type { Config } from "../config.ts";

export interface Registration {
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
}

export function registrationOf({ nodeLabel, nodeTaint }: Config): Registration {
  return { labels: Object.fromEntries(nodeLabel.map(splitPair)), taints: nodeTaint.map(taintOf) };
}

function splitPair(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** "key=value:Effect" or "key:Effect". */
function taintOf(text: string): Taint {
  const at = text.lastIndexOf(":");
  const [key, value] = splitPair(text.slice(0, at));
  // Holds because the flag's check refuses every other effect.
  const effect = text.slice(at + 1) as Taint["effect"];
  return { key, ...(value === "" ? {} : { value }), effect };
}
