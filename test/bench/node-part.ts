/** One whole node, as rows of the table: how soon it is there, what it holds, what it does when idle, how soon pods run. */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { pauseImageName } from "#host/runtime-bundle.ts";
import { percentile } from "./figures.ts";
import { budgets } from "./goals.ts";
import { H2Client, type Target } from "./h2-client.ts";
import { type Held, held, idleSum, watchIdle } from "./idle.ts";
import { launcher, type Kedge } from "./kedge.ts";
import { clusterProcesses, figuresOf } from "./machine.ts";
import { refusal } from "./drive.ts";
import { megabytes, rounded, type Row } from "./report.ts";

const pods = "/api/v1/namespaces/default/pods";
const podMs = 60_000;
const retryPauseMs = 10;
const latencyPods = 15;
const helps = 9;

/** One cold start. */
export interface Start {
  readonly apiMs: number;
  readonly nodeMs?: number;
  readonly firstPodMs?: number;
}

/** @param node False when there is none to wait for. */
export async function measureStart(kedge: Kedge, node: boolean): Promise<Start> {
  const { apiMs, startedMs, admin } = kedge;
  if (!node) return { apiMs };
  const firstPod = runPod(admin, "first").then(() => performance.now() - startedMs);
  firstPod.catch(() => undefined);
  const nodeMs = await kedge.nodeMs;
  const firstPodMs = await firstPod;
  await endPod(admin, "first");
  return { apiMs, nodeMs, firstPodMs };
}

/** A command that needs no cluster: what every command waits for before it begins. */
export async function helpRow(): Promise<Row> {
  const times: number[] = [];
  // The first one may make the pack.
  for (let at = 0; at <= helps; at += 1) {
    const startMs = performance.now();
    await promisify(execFile)(launcher, ["help"]);
    if (at > 0) times.push(performance.now() - startMs);
  }
  const ms = percentile(times, 0.5);
  return {
    what: "kedge help",
    cells: [`${rounded(ms)} ms`],
    goal: `${rounded(budgets.helpMs)} ms`,
    met: ms <= budgets.helpMs,
  };
}

export function startRows(starts: readonly Start[]): Row[] {
  const row = (what: string, times: readonly (number | undefined)[], budgetMs: number): Row[] => {
    const known = times.filter((time) => time !== undefined);
    if (known.length === 0) return [];
    const ms = percentile(known, 0.5);
    return [{ what, cells: [seconds(ms)], goal: seconds(budgetMs), met: ms <= budgetMs }];
  };
  return [
    ...row(
      "cold start: API ready",
      starts.map(({ apiMs }) => apiMs),
      budgets.apiReadyMs,
    ),
    ...row(
      "cold start: node Ready",
      starts.map(({ nodeMs }) => nodeMs),
      budgets.nodeReadyMs,
    ),
    ...row(
      "cold start: first pod Running",
      starts.map(({ firstPodMs }) => firstPodMs),
      budgets.firstPodMs,
    ),
  ];
}

/** Memory at the end of the time. */
export async function idleRows(kedge: Kedge, idleSeconds: number): Promise<Row[]> {
  const pids = clusterProcesses(kedge.pid, kedge.dataFolder);
  const idle = await watchIdle(pids, idleSeconds);
  const figures = figuresOf(pids);
  const own = held(figures.filter(({ pid }) => pid === kedge.pid));
  const all = held(figures);
  const sum = idleSum(idle.values());
  const sizes = (one: Held): string =>
    `${megabytes(one.rssBytes)} (PSS ${megabytes(one.pssBytes)}, private ${megabytes(one.dirtyBytes)})`;
  const others = figures
    .filter(({ pid }) => pid !== kedge.pid)
    .map((one): Row => ({ what: `- ${one.name}`, cells: [sizes(one)] }));
  const share = (cpu: number): string => `${(cpu * 100).toFixed(2)} %`;
  const cells = [share(sum.cpuShare)];
  return [
    {
      what: "idle: resident memory, kedge process",
      cells: [sizes(own)],
      goal: megabytes(budgets.kedgeBytes),
      met: own.rssBytes <= budgets.kedgeBytes,
    },
    ...others,
    {
      what: "idle: resident memory, all processes",
      cells: [sizes(all)],
      goal: megabytes(budgets.allBytes),
      met: all.rssBytes <= budgets.allBytes,
    },
    {
      what: `idle: CPU over ${idleSeconds} s, of one core`,
      cells,
      goal: share(budgets.idleCpuShare),
      met: sum.cpuShare <= budgets.idleCpuShare,
    },
    {
      what: `idle: written to disk over ${idleSeconds} s`,
      cells: [`${rounded(sum.writtenBytesPerSecond)} B/s`],
      goal: `${rounded(budgets.idleWrittenBytesPerSecond)} B/s`,
      met: sum.writtenBytesPerSecond <= budgets.idleWrittenBytesPerSecond,
    },
  ];
}

/** Pods one after the other; from the request that creates one until a watch says that it runs. */
export async function podRows(admin: Target): Promise<Row[]> {
  const latenciesMs: number[] = [];
  for (let at = 0; at < latencyPods; at += 1) {
    const startMs = performance.now();
    await runPod(admin, `pod-${at}`);
    latenciesMs.push(performance.now() - startMs);
    await endPod(admin, `pod-${at}`);
  }
  const text = `p50 ${rounded(percentile(latenciesMs, 0.5))}, p90 ${rounded(percentile(latenciesMs, 0.9))} ms`;
  return [{ what: "pod: created to Running, image present", cells: [text] }];
}

/** Resolves when the pod runs. */
async function runPod(admin: Target, name: string): Promise<void> {
  const client = await H2Client.connect(admin);
  try {
    const running = waitFor(client, name, (event) => event.includes('"phase":"Running"'));
    running.catch(() => undefined);
    await createPod(client, name);
    await running;
  } finally {
    client.close();
  }
}

async function endPod(admin: Target, name: string): Promise<void> {
  const client = await H2Client.connect(admin);
  try {
    const gone = waitFor(client, name, (event) => event.startsWith('{"type":"DELETED"'));
    gone.catch(() => undefined);
    await client.request({ method: "DELETE", target: `${pods}/${name}?gracePeriodSeconds=1` });
    await gone;
  } finally {
    client.close();
  }
}

/** A new cluster refuses pods until the namespace's service account is there, a moment later. */
async function createPod(client: H2Client, name: string): Promise<void> {
  const body = Buffer.from(
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { containers: [{ name: "pause", image: pauseImageName, imagePullPolicy: "IfNotPresent" }] },
    }),
  );
  const deadlineMs = performance.now() + podMs;
  for (;;) {
    const problem = refusal(
      await client.request({ method: "POST", target: pods, contentType: "application/json", body }),
    );
    if (problem === undefined) return;
    if (!problem.startsWith("403") || performance.now() > deadlineMs)
      throw new Error(`create pod "${name}": ${problem}`);
    await sleep(retryPauseMs);
  }
}

function waitFor(client: H2Client, name: string, seen: (event: string) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`expected pod "${name}" to get there within ${podMs / 1_000} s`)),
      podMs,
    );
    let rest = "";
    const over = (reason: unknown): void => reject(new Error(`the watch of pod "${name}" ended`, { cause: reason }));
    client
      .watch({ method: "GET", target: `${pods}?watch=true&fieldSelector=metadata.name%3D${name}` }, (piece) => {
        const lines = (rest + piece.toString()).split("\n");
        rest = lines.pop() ?? "";
        if (!lines.some(seen)) return;
        clearTimeout(timer);
        resolve();
      })
      .then(over, over);
  });
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
