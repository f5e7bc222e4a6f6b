/**
 * `npm run bench -- scale`: one server with thousands of fake nodes and their pods. How soon they are there, what that
 * costs, what others notice of it meanwhile, and how soon it is all back after a restart.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectAll, drive, refusal } from "./drive.ts";
import { H2Client, type Target } from "./h2-client.ts";
import { startKedge, type Kedge, type KedgeOptions } from "./kedge.ts";
import { figuresOf } from "./machine.ts";
import { megabytes, rounded, type Row } from "./report.ts";
import { ask } from "./setting.ts";

export interface ScalePlan {
  readonly nodes: number;
  readonly pods: number;
  readonly port: number;
  readonly folder: string;
}

type Say = (line: string) => void;

const goals = {
  deployment: { pods: 10_000, seconds: 20 },
  namespace: { objects: 10_000, seconds: 10 },
  watches: { count: 10_000, bytes: 5_000 },
  memoryBytes: 8e9,
  p99Ms: 300,
  restartSeconds: 20,
} as const;
const stepSeconds = 900;
const pollMs = 500;
const loadSeconds = 20;
const loadClients = 4;
const watchesPerConnection = 50;
const podsPerDeployment = 1_000;
const json = "application/json";

export async function measureScale(plan: ScalePlan, say: Say): Promise<Row[]> {
  const dataFolder = mkdtempSync(join(plan.folder, "kedge-scale-"));
  const ranges = ["--cluster-cidr", "10.128.0.0/9", "--service-cidr", "10.112.0.0/16", "--cluster-dns", "10.112.0.10"];
  const options = { ...plan, node: false, dataFolder, flags: [...ranges, "--fake-nodes", String(plan.nodes)] };
  const rows: Row[] = [];
  try {
    {
      await using kedge = await startKedge(options);
      await new ScaleRun(kedge, plan, (row) => tell(rows, row, say)).grow();
    }
    await restart(options, (row) => tell(rows, row, say));
    return rows;
  } finally {
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

function tell(rows: Row[], row: Row, say: Say): void {
  rows.push(row);
  say(`${row.what}: ${row.cells.join(", ")}`);
}

async function restart(options: KedgeOptions, row: (row: Row) => void): Promise<void> {
  await using kedge = await startKedge(options);
  const seconds = kedge.apiMs / 1_000;
  const { rssBytes, cpuMs } = held(kedge);
  const cells = [`${rounded(seconds)} s (CPU ${rounded(cpuMs / 1_000)} s), ${megabytes(rssBytes)}`];
  row({ what: "restart until the API is ready", cells, ...goalOf(seconds, goals.restartSeconds) });
}

class ScaleRun {
  private readonly kedge: Kedge;
  private readonly plan: ScalePlan;
  private readonly row: (row: Row) => void;
  private placed = 0;

  constructor(kedge: Kedge, plan: ScalePlan, row: (row: Row) => void) {
    this.kedge = kedge;
    this.plan = plan;
    this.row = row;
  }

  async grow(): Promise<void> {
    const { nodes, pods } = this.plan;
    await this.step(`${rounded(nodes)} nodes registered`, undefined, () => this.nodesThere(nodes));
    // First, for later there is room that garbage has left.
    await this.watches();
    const first = Math.min(goals.deployment.pods, pods);
    const goal = first === goals.deployment.pods ? goals.deployment.seconds : undefined;
    await this.step(`a Deployment of ${rounded(first)} pods complete`, goal, () => this.deploy("first", first));
    const rest = pods - this.placed;
    if (rest > 0) await this.step(`${rounded(rest)} more pods running`, undefined, () => this.deployMany(rest));
    this.memory(`resident memory with ${rounded(pods)} pods`);
    await this.quiet();
    await this.load();
    await this.namespace();
  }

  /** Wall time, and CPU of the server. */
  private async step(what: string, goalSeconds: number | undefined, work: () => Promise<void>): Promise<void> {
    const cpuMs = held(this.kedge).cpuMs;
    const startMs = performance.now();
    await work();
    const seconds = (performance.now() - startMs) / 1_000;
    const cells = [`${rounded(seconds)} s (CPU ${rounded((held(this.kedge).cpuMs - cpuMs) / 1_000)} s)`];
    this.row({ what, cells, ...(goalSeconds === undefined ? {} : goalOf(seconds, goalSeconds)) });
  }

  private async nodesThere(count: number): Promise<void> {
    await this.until(async () => {
      const page = await list(this.kedge.admin, "/api/v1/nodes?limit=1");
      return page.items.length + (page.metadata.remainingItemCount ?? 0) >= count;
    }, "nodes to register");
  }

  private async deployMany(count: number): Promise<void> {
    const sizes: number[] = [];
    for (let left = count; left > 0; left -= podsPerDeployment) sizes.push(Math.min(left, podsPerDeployment));
    for (const [at, size] of sizes.entries()) await this.deploy(`web-${at}`, size);
  }

  /** Makes a Deployment, and waits until all of its pods are ready. */
  private async deploy(name: string, replicas: number): Promise<void> {
    const path = "/apis/apps/v1/namespaces/default/deployments";
    const labels = { app: name };
    const resources = { requests: { cpu: "10m", memory: "10Mi" } };
    const zone = "topology.kubernetes.io/zone";
    const spread = {
      topologyKey: zone,
      maxSkew: 5,
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: labels },
    };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: "main", image: "none", resources }], topologySpreadConstraints: [spread] },
    };
    const spec = { replicas, selector: { matchLabels: labels }, template };
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, spec };
    await post(this.kedge.admin, path, deployment);
    await this.until(async () => {
      // Holds because this is what a Deployment is.
      const one = (await ask(this.kedge.admin, { method: "GET", target: `${path}/${name}` })) as Deployment;
      return one.status?.readyReplicas === replicas;
    }, `Deployment "${name}" to be complete`);
    this.placed += replicas;
  }

  private memory(what: string): void {
    const { rssBytes } = held(this.kedge);
    this.row({
      what,
      cells: [megabytes(rssBytes)],
      goal: megabytes(goals.memoryBytes),
      met: rssBytes <= goals.memoryBytes,
    });
  }

  /** What heartbeats alone cost. */
  private async quiet(): Promise<void> {
    const before = held(this.kedge).cpuMs;
    await sleep(loadSeconds * 1_000);
    const share = (held(this.kedge).cpuMs - before) / (loadSeconds * 10);
    this.row({
      what: `CPU of heartbeats alone, ${rounded(this.plan.nodes / 10)} leases/s`,
      cells: [`${rounded(share)} %`],
    });
  }

  /** What somebody notices who gets and creates single objects, while pods come and go and leases are renewed. */
  private async load(): Promise<void> {
    const { admin } = this.kedge;
    const churn = new AbortController();
    const churning = this.churn(churn.signal);
    const load = { clients: loadClients, requestsMax: 1e6, secondsMax: loadSeconds };
    const gets = await drive(admin, load, (at) => ({
      method: "GET",
      target: `/api/v1/nodes/fake-${at % this.plan.nodes}`,
    }));
    const creates = await drive(admin, load, (at) => ({
      method: "POST",
      target: "/api/v1/namespaces/default/configmaps",
      contentType: json,
      body: Buffer.from(JSON.stringify({ metadata: { name: `scale-${at}` }, data: { at: String(at) } })),
    }));
    churn.abort();
    await churning;
    for (const [what, figure] of [
      ["get", gets],
      ["create", creates],
    ] as const) {
      const { p50Ms, p99Ms, value, firstError } = figure;
      const cells = [
        `p50 ${rounded(p50Ms)}, p99 ${rounded(p99Ms)} ms (${rounded(value)}/s)${firstError ? ` ${firstError}` : ""}`,
      ];
      const met = p99Ms <= goals.p99Ms && firstError === undefined;
      this.row({
        what: `${what} of single objects while pods change, c=${loadClients}`,
        cells,
        goal: `p99 ${goals.p99Ms} ms`,
        met,
      });
    }
  }

  /** A Deployment of a hundred pods comes and goes. */
  private async churn(signal: AbortSignal): Promise<void> {
    for (let at = 0; !signal.aborted; at += 1) {
      await this.deploy(`churn-${at}`, 100);
      this.placed -= 100;
      const target = `/apis/apps/v1/namespaces/default/deployments/churn-${at}`;
      await ask(this.kedge.admin, { method: "DELETE", target });
    }
  }

  private async namespace(): Promise<void> {
    const { admin } = this.kedge;
    const { objects, seconds } = goals.namespace;
    const target = "/api/v1/namespaces/scale";
    await post(admin, "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "scale" } });
    const made = await drive(admin, { clients: 16, requestsMax: objects, secondsMax: stepSeconds }, (at) => ({
      method: "POST",
      target: `${target}/configmaps`,
      contentType: json,
      body: Buffer.from(JSON.stringify({ metadata: { name: `one-${at}` }, data: { at: String(at) } })),
    }));
    if (made.firstError !== undefined) throw new Error(`expected ${objects} ConfigMaps, found ${made.firstError}`);
    await this.step(`a namespace of ${rounded(objects)} objects gone`, seconds, async () => {
      await ask(admin, { method: "DELETE", target });
      const client = await H2Client.connect(admin);
      await this.until(
        async () => (await client.request({ method: "GET", target })).status === 404,
        "the namespace to go",
      );
      client.close();
    });
  }

  private async watches(): Promise<void> {
    const { count, bytes } = goals.watches;
    await sleep(5_000);
    const before = held(this.kedge).rssBytes;
    const clients = await connectAll(this.kedge.admin, count / watchesPerConnection);
    for (const [number, client] of clients.entries())
      for (let at = 0; at < watchesPerConnection; at += 1) {
        const name = `fake-${(number * watchesPerConnection + at) % this.plan.nodes}`;
        const target = `/api/v1/namespaces/default/configmaps?watch=true&fieldSelector=metadata.name%3D${name}`;
        client.watch({ method: "GET", target }, () => undefined).catch(() => undefined);
      }
    await sleep(5_000);
    const each = (held(this.kedge).rssBytes - before) / count;
    for (const client of clients) client.close();
    const cells = [`${rounded(each)} bytes each`];
    this.row({
      what: `${rounded(count)} idle watches on ${clients.length} connections`,
      cells,
      goal: `${rounded(bytes)} bytes`,
      met: each <= bytes,
    });
  }

  private async until(isDone: () => Promise<boolean>, what: string): Promise<void> {
    const endMs = performance.now() + stepSeconds * 1_000;
    while (!(await isDone())) {
      if (performance.now() > endMs) throw new Error(`expected ${what} within ${stepSeconds} s`);
      if (!this.kedge.isRunning())
        throw new Error(`expected kedge to run, found:\n${this.kedge.lastWords().join("\n")}`);
      await sleep(pollMs);
    }
  }
}

interface Deployment {
  readonly status?: { readonly readyReplicas?: number };
}

interface Page {
  readonly items: readonly unknown[];
  readonly metadata: { readonly remainingItemCount?: number };
}

async function list(target: Target, path: string): Promise<Page> {
  // Holds because this is what a list is.
  return (await ask(target, { method: "GET", target: path })) as Page;
}

async function post(target: Target, path: string, object: object): Promise<void> {
  const client = await H2Client.connect(target);
  const body = Buffer.from(JSON.stringify(object));
  const problem = refusal(await client.request({ method: "POST", target: path, contentType: json, body }));
  client.close();
  if (problem !== undefined) throw new Error(`POST ${path}: ${problem}`);
}

function held({ pid }: Kedge): { readonly rssBytes: number; readonly cpuMs: number } {
  return figuresOf([pid])[0] ?? { rssBytes: 0, cpuMs: 0 };
}

function goalOf(seconds: number, goal: number): Pick<Row, "goal" | "met"> {
  return { goal: `${goal} s`, met: seconds <= goal };
}
