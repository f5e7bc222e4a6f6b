/** What every figure is held against: the budgets of the architecture, and how far ahead of upstream a shape is to be. */

export interface ShapeGoal {
  /** What kube-apiserver 1.36 with etcd 3.5 does on a machine with 2 cores: /s, or ms for the shapes that are a time. */
  readonly upstream: number;
  /** How many times better. */
  readonly factor: number;
}

export const shapeGoals: Readonly<Record<string, ShapeGoal>> = {
  "create c=1": { upstream: 383, factor: 2 },
  "create c=32": { upstream: 1_420, factor: 3 },
  "get c=1": { upstream: 546, factor: 3 },
  "get c=32": { upstream: 2_080, factor: 4 },
  "update c=32": { upstream: 1_010, factor: 3 },
  "merge patch c=32": { upstream: 1_020, factor: 3 },
  "server-side apply c=32": { upstream: 904, factor: 2 },
  "list all": { upstream: 156, factor: 5 },
  "list all, RV=0": { upstream: 189, factor: 5 },
  "list limit 500 c=4": { upstream: 80, factor: 5 },
  "watch fan-out, 100 watchers": { upstream: 54_000, factor: 2 },
  "1,000 watchers, 20 updates/s: p99": { upstream: 234, factor: 2 },
  "delete c=32": { upstream: 1_340, factor: 3 },
};

/** Resident memory and idle CPU after the load: this many times less than upstream. */
export const frugality = 4;
export const upstreamMemoryBytes = 870e6;

export const budgets = {
  apiReadyMs: 1_000,
  nodeReadyMs: 2_000,
  firstPodMs: 3_000,
  kedgeBytes: 150e6,
  allBytes: 220e6,
  idleCpuShare: 0.01,
  idleWrittenBytesPerSecond: 1_000,
} as const;
