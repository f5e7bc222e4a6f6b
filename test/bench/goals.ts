/** What every figure is held against: the budgets of the architecture, and how far ahead of upstream a shape is to be. */

export interface ShapeGoal {
  /** What kube-apiserver 1.36 with etcd 3.5 does on a machine with 2 cores: /s, or ms for the shapes that are a time. */
  readonly upstream: number;
  /** How many times better. */
  readonly factor: number;
}

export const shapeGoals: Readonly<Record<string, ShapeGoal>> = {
  "create c=1": { upstream: 578, factor: 4 },
  "create c=32": { upstream: 1_841, factor: 5 },
  "get c=1": { upstream: 1_100, factor: 6 },
  "get c=32": { upstream: 3_577, factor: 8 },
  "update c=32": { upstream: 1_459, factor: 5 },
  "merge patch c=32": { upstream: 1_294, factor: 5 },
  "server-side apply c=32": { upstream: 1_221, factor: 5 },
  "list all": { upstream: 207, factor: 10 },
  "list all, RV=0": { upstream: 215, factor: 10 },
  "list all as protobuf": { upstream: 170, factor: 5 },
  "list all as Table": { upstream: 180, factor: 5 },
  "list limit 500 c=4": { upstream: 175, factor: 10 },
  "list limit 500 c=4 while objects change": { upstream: 175, factor: 10 },
  "watch fan-out, 100 watchers": { upstream: 57_126, factor: 6 },
  "1,000 watchers, 20 updates/s: p99": { upstream: 169, factor: 5 },
  "delete c=32": { upstream: 2_129, factor: 5 },
};

/** Resident memory and idle CPU after the load: this many times less than upstream. */
export const frugality = 6;
export const upstreamMemoryBytes = 870e6;

export const budgets = {
  helpMs: 150,
  apiReadyMs: 600,
  nodeReadyMs: 1_200,
  firstPodMs: 2_000,
  kedgeBytes: 100e6,
  allBytes: 150e6,
  idleCpuShare: 0.003,
  idleWrittenBytesPerSecond: 500,
} as const;
