/**
 * `npm run bench -- memory`: what a control plane holds, of what, after things that clusters live through; and what it
 * holds of the same data after a restart, which is what it should.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { H2Client, type Request, type Target } from "./h2-client.ts";
import { HeapInspector, type Heap } from "./heap.ts";
import { startKedge } from "./kedge.ts";
import { refusal } from "./drive.ts";
import { megabytes, rounded, type Row } from "./report.ts";

export interface MemoryPlan {
  readonly folder: string;
  readonly port: number;
  readonly objects: number;
  /** Whether to say of what. Takes memory itself. */
  readonly makers: boolean;
}

const inspectorPortAfter = 1;
const besideMax = 16;
// What controllers still have to do about what was written.
const settleMs = 5_000;
const podsMax = 2_000;
const shortLivedMax = 5_000;
const makersShown = 12;

export async function measureMemory(plan: MemoryPlan, say: (line: string) => void): Promise<Row[]> {
  const inspectorPort = plan.port + inspectorPortAfter;
  const rows: Row[] = [];
  let before: Heap | undefined;
  const look = async (what: string): Promise<void> => {
    await sleep(settleMs);
    const inspector = await HeapInspector.connect(inspectorPort);
    const heap = await inspector.heap(plan.makers);
    inspector.close();
    rows.push({ what, cells: [heapText(heap)] });
    say(`${what}: ${heapText(heap)}${plan.makers && before ? `\n${growth(before, heap)}` : ""}`);
    before = heap;
  };
  await using kedge = await startKedge({
    ...plan,
    node: false,
    environment: { NODE_OPTIONS: `--inspect=127.0.0.1:${inspectorPort}` },
  });
  const { admin } = kedge;
  await look("just started");
  await each(admin, plan.objects, (at) => create(`${core}/configmaps`, configMap(at)));
  await look(`with ${rounded(plan.objects)} ConfigMaps`);
  await each(admin, plan.objects, (at) => remove(`${core}/configmaps/c${at}`));
  await look("when they are gone");
  await each(admin, podsMax, (at) => create(`${core}/pods`, pod(at)));
  await look(`with ${rounded(podsMax)} pods`);
  await each(admin, podsMax, (at) => remove(`${core}/pods/p${at}?gracePeriodSeconds=0`));
  await look("when they are gone");
  await each(
    admin,
    shortLivedMax,
    (at) => create(`${core}/pods`, pod(at)),
    (at) => remove(`${core}/pods/p${at}?gracePeriodSeconds=0`),
  );
  await each(
    admin,
    shortLivedMax,
    (at) => create(leases, lease(at)),
    (at) => remove(`${leases}/l${at}`),
  );
  await look(`after ${rounded(shortLivedMax)} pods and leases that came and went`);
  return rows;
}

const core = "/api/v1/namespaces/default";
const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

function heapText({ foundBytes, residentBytes, heapBytes, bufferBytes }: Heap): string {
  return `${megabytes(foundBytes)} resident, ${megabytes(residentBytes)} without garbage, ${megabytes(heapBytes)} heap, ${megabytes(bufferBytes)} buffers`;
}

function growth(before: Heap, after: Heap): string {
  const grown = [...after.byMaker].map(([maker, { count, bytes }]) => {
    const known = before.byMaker.get(maker) ?? { count: 0, bytes: 0 };
    return { maker, count: count - known.count, bytes: bytes - known.bytes };
  });
  return grown
    .toSorted((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes))
    .slice(0, makersShown)
    .map(
      ({ maker, count, bytes }) =>
        `    ${(bytes / 1e6).toFixed(2).padStart(8)} MB ${String(count).padStart(9)}  ${maker}`,
    )
    .join("\n");
}

/** Each number's requests in their order, several numbers at a time. */
async function each(admin: Target, count: number, ...requests: ((at: number) => Request)[]): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    const client = await H2Client.connect(admin);
    try {
      for (let at = next; at < count; at = next) {
        next += 1;
        for (const request of requests) {
          const asked = request(at);
          const problem = refusal(await client.request(asked));
          if (problem !== undefined) throw new Error(`${asked.method} ${asked.target}: ${problem}`);
        }
      }
    } finally {
      client.close();
    }
  };
  await Promise.all(Array.from({ length: besideMax }, work));
}

function create(target: string, object: object): Request {
  return { method: "POST", target, contentType: "application/json", body: Buffer.from(JSON.stringify(object)) };
}

function remove(target: string): Request {
  return { method: "DELETE", target };
}

function configMap(at: number): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `c${at}` }, data: { value: "x".repeat(512) } };
}

function lease(at: number): object {
  const spec = { holderIdentity: "bench", leaseDurationSeconds: 10 };
  return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: `l${at}` }, spec };
}

/** As large as that of a usual Deployment; it waits for a node, for there is none. */
function pod(at: number): object {
  const probe = { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 10 };
  const container = {
    name: "web",
    image: "registry.example/web:1.2.3",
    env: Array.from({ length: 8 }, (_, number) => ({ name: `SETTING_${number}`, value: `value ${number}` })),
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    ports: [{ name: "http", containerPort: 8080 }],
    livenessProbe: probe,
    readinessProbe: probe,
  };
  const labels = { app: "web", "pod-template-hash": "5d4f8c7b9" };
  const metadata = { name: `p${at}`, labels, annotations: { "example.com/owner": "bench" } };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [container] } };
}
