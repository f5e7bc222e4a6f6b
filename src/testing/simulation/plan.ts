/** What goes wrong in a run, and how often: named, so that a seed and a name together say everything. */

/** Probabilities of one call, or of one second of virtual time where it says so. */
export interface Faults {
  /** A call is refused as by a server that is too busy. */
  readonly refused: number;
  /** A write happens, and its answer is lost. */
  readonly lost: number;
  /** A call, or an event of a watch, is late by up to `lateMsMax`. */
  readonly late: number;
  readonly lateMsMax: number;
  /** A watch is cut before one of its events. */
  readonly cut: number;
  /** The disk stands still for up to `stallMsMax`, at a write. */
  readonly stall: number;
  readonly stallMsMax: number;
  /** The server is killed at a write; a second. */
  readonly serverKilled: number;
  /** A kubelet is killed, and its containers go on; a second and node. */
  readonly kubeletKilled: number;
  /** A machine is gone with all that ran on it; a second and node. */
  readonly machineLost: number;
  /** A node reaches nobody for a while; a second and node. */
  readonly partitioned: number;
  /** A wall clock is set, forward or back, by up to `jumpMsMax`; a second. */
  readonly clockSet: number;
  readonly jumpMsMax: number;
  /** History is compacted up to now; a second. */
  readonly compacted: number;
  /** A call of the container runtime fails. */
  readonly runtimeFails: number;
  /** A container ends by itself; a second and node. */
  readonly containerDies: number;
}

export interface Plan {
  readonly name: string;
  readonly nodes: number;
  /** How long users and faults go on, in virtual time. */
  readonly chaosMs: number;
  /** Things that users do, a second. */
  readonly userRate: number;
  readonly faults: Faults;
}

export const noFaults: Faults = {
  refused: 0,
  lost: 0,
  late: 0,
  lateMsMax: 0,
  cut: 0,
  stall: 0,
  stallMsMax: 0,
  serverKilled: 0,
  kubeletKilled: 0,
  machineLost: 0,
  partitioned: 0,
  clockSet: 0,
  jumpMsMax: 0,
  compacted: 0,
  runtimeFails: 0,
  containerDies: 0,
};

const slow = { late: 0.2, lateMsMax: 3_000, cut: 0.01, stall: 0.02, stallMsMax: 2_000 };

const usual = { nodes: 3, chaosMs: 240_000, userRate: 0.8 };

export const plans: readonly Plan[] = [
  { ...usual, name: "calm", faults: noFaults },
  { ...usual, name: "slow", faults: { ...noFaults, ...slow, late: 0.5, lateMsMax: 10_000 } },
  { ...usual, name: "lossy", faults: { ...noFaults, ...slow, refused: 0.03, lost: 0.03, cut: 0.05, compacted: 0.02 } },
  { ...usual, name: "crashes", faults: { ...noFaults, ...slow, serverKilled: 0.04, kubeletKilled: 0.01 } },
  {
    ...usual,
    name: "nodes",
    nodes: 4,
    chaosMs: 900_000,
    userRate: 0.4,
    faults: { ...noFaults, late: 0.05, lateMsMax: 500, kubeletKilled: 0.004, machineLost: 0.0006, partitioned: 0.002 },
  },
  {
    ...usual,
    name: "clocks",
    faults: { ...noFaults, late: 0.05, lateMsMax: 500, clockSet: 0.02, jumpMsMax: 900_000, serverKilled: 0.01 },
  },
  {
    ...usual,
    name: "runtime",
    faults: { ...noFaults, late: 0.05, lateMsMax: 500, runtimeFails: 0.05, containerDies: 0.01, kubeletKilled: 0.01 },
  },
  {
    name: "all",
    nodes: 4,
    chaosMs: 600_000,
    userRate: 0.6,
    faults: {
      ...slow,
      refused: 0.01,
      lost: 0.01,
      serverKilled: 0.01,
      kubeletKilled: 0.003,
      machineLost: 0.0005,
      partitioned: 0.001,
      clockSet: 0.003,
      jumpMsMax: 600_000,
      compacted: 0.01,
      runtimeFails: 0.01,
      containerDies: 0.003,
    },
  },
];
