/**
 * Keeps what reaches kedge on this machine from being led to a pod that asks for the same host port: a small table of
 * its own in the packet filter, there whether or not a service proxy runs. Looked at from outside, and made anew when it
 * is not what was left there.
 */
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Reconciled } from "#base/reconciled.ts";
import { rulesThatKeep, type ReservedPlace } from "./reserved.ts";

export interface OwnPortsOptions {
  readonly places: readonly ReservedPlace[];
  /** Name of the table, unique to this data directory. */
  readonly table: string;
  readonly filter: {
    /** Applies a script of nft as one transaction. @throws Error with nft's sentence; nothing changed then */
    apply(script: string, signal: AbortSignal): Promise<void>;
    /** Of the table as the kernel has it; undefined when there is none. */
    digest(signal: AbortSignal): Promise<string | undefined>;
  };
  readonly clock: Clock;
  readonly log: Log;
}

export type OwnPorts = Reconciled<string, string | undefined, string>;

export function ownPorts({ places, table, filter, clock, log }: OwnPortsOptions): OwnPorts {
  // Of the kernel's table after it was made; undefined before.
  let left: string | undefined;
  const ports: OwnPorts = new Reconciled(
    {
      name: "own-ports",
      observe: (signal) => filter.digest(signal),
      compare: (script, seen) => (left !== undefined && seen === left ? undefined : script),
      act: async (script, signal) => {
        left = undefined;
        await filter.apply(script, signal);
        left = await filter.digest(signal);
      },
    },
    { clock, log: log.for("own-ports") },
  );
  ports.want(ownTable(table, places));
  return ports;
}

/** The table with everything in it, in place of whatever it held. */
export function ownTable(table: string, places: readonly ReservedPlace[]): string {
  const at = `ip ${table}`;
  const hook = (name: string): string[] => [
    `add chain ${at} ${name} { type nat hook ${name} priority -105; policy accept; }`,
    `add rule ${at} ${name} jump own`,
  ];
  const lines = [
    `add table ${at}`,
    `delete table ${at}`,
    `add table ${at}`,
    `add chain ${at} own`,
    ...rulesThatKeep(places).map((rule) => `add rule ${at} own ${rule}`),
    ...hook("prerouting"),
    ...hook("output"),
  ];
  return `${lines.join("\n")}\n`;
}
