/**
 * `npm run bench -- --wire`: what HTTP/2 itself costs, in CPU of the server for one request or event, with kedge's own
 * and with Node's, in turns. Both serve the same bytes and do nothing else.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { drive } from "./drive.ts";
import { H2Client, type Request, type Target } from "./h2-client.ts";
import { rounded, type Row } from "./report.ts";
import type { WireAnswer, WireServer } from "./wire-server.ts";

const sides: readonly WireServer[] = ["own", "node:http2"];
const body = Buffer.alloc(600, "b");
// So many requests that the machine code is there early on, on a busy machine too.
const secondsMax = 15;
const watchesPerConnection = 50;

interface Shape {
  readonly name: string;
  readonly clients: number;
  readonly request: Request;
  readonly watchers: number;
}

const shapes: readonly Shape[] = [
  { name: "get c=1", clients: 1, request: { method: "GET", target: "/object" }, watchers: 0 },
  { name: "get c=32", clients: 32, request: { method: "GET", target: "/object" }, watchers: 0 },
  { name: "create c=32", clients: 32, request: { method: "POST", target: "/object", body }, watchers: 0 },
  { name: "event, 100 watchers", clients: 4, request: { method: "PUT", target: "/object", body }, watchers: 100 },
  { name: "event, 1,000 watchers", clients: 4, request: { method: "PUT", target: "/object", body }, watchers: 1_000 },
];

interface Measured {
  readonly cpuMicros: number;
  readonly perSecond: number;
}

export async function measureWire(rounds: number, say: (line: string) => void): Promise<Row[]> {
  const found = new Map<string, Measured[]>();
  for (let round = 0; round < rounds; round += 1)
    for (const shape of shapes)
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const measured = await measureShape(side, shape);
        const key = `${shape.name} ${side}`;
        found.set(key, [...(found.get(key) ?? []), measured]);
        say(`${side}: ${shape.name}: ${text(measured)}`);
      }
  return shapes.map(({ name }) => {
    const [own, node] = sides.map((side) => median(found.get(`${name} ${side}`) ?? []));
    const ratio = own && node ? node.cpuMicros / own.cpuMicros : 0;
    return { what: name, cells: [own ? text(own) : "", node ? text(node) : "", `${ratio.toFixed(1)}x`] };
  });
}

function text({ cpuMicros, perSecond }: Measured): string {
  return `${cpuMicros.toFixed(1)} µs (${rounded(perSecond)}/s)`;
}

function median(all: readonly Measured[]): Measured | undefined {
  return all.toSorted((one, other) => one.cpuMicros - other.cpuMicros)[Math.floor(all.length / 2)];
}

async function measureShape(side: WireServer, { clients, request, watchers }: Shape): Promise<Measured> {
  const child = fork(join(import.meta.dirname, "wire-server.ts"), [side], { execArgv: process.execArgv });
  try {
    const { port = 0 } = await answer(child);
    const target = { url: `https://127.0.0.1:${port}` };
    // Once for the machine code, once for the figures.
    await drive(target, { clients, requestsMax: watchers > 0 ? 200 : 20_000, secondsMax }, () => request);
    const watch = await startWatchers(target, watchers);
    const before = await cpuMs(child);
    const startMs = performance.now();
    const { total, errors, firstError } = await drive(
      target,
      { clients, requestsMax: 40_000, secondsMax },
      () => request,
    );
    if (errors > 0) throw new Error(`expected ${request.method} to be answered by ${side}, found ${firstError}`);
    await watch.all(total * event * watchers);
    const spentMs = (await cpuMs(child)) - before;
    const seconds = (performance.now() - startMs) / 1_000;
    const count = watchers > 0 ? total * watchers : total;
    watch.close();
    return { cpuMicros: (spentMs * 1_000) / count, perSecond: count / seconds };
  } finally {
    child.disconnect();
  }
}

const event = 950;

interface Watchers {
  /** Resolves once so many bytes of events came. */
  readonly all: (sizeBytes: number) => Promise<void>;
  readonly close: () => void;
}

async function startWatchers(target: Target, count: number): Promise<Watchers> {
  const connections: H2Client[] = [];
  const came = { bytes: 0, wake: (): void => undefined };
  for (let at = 0; at < count; at += watchesPerConnection) {
    const client = await H2Client.connect(target);
    connections.push(client);
    for (let watch = 0; watch < watchesPerConnection; watch += 1)
      client
        .watch({ method: "GET", target: "/watch" }, ({ length }) => {
          came.bytes += length;
          came.wake();
        })
        .catch(() => undefined);
    // Answered after the watches of the same connection were.
    await client.request({ method: "GET", target: "/object" });
  }
  return {
    all: async (sizeBytes) => {
      while (came.bytes < sizeBytes) await new Promise<void>((resolve) => (came.wake = resolve));
    },
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
}

async function cpuMs(child: ChildProcess): Promise<number> {
  child.send("cpu");
  const { cpuMs: spent = 0 } = await answer(child);
  return spent;
}

async function answer(child: ChildProcess): Promise<WireAnswer> {
  const [message] = await once(child, "message");
  // Holds because the child sends nothing else.
  return message as WireAnswer;
}
