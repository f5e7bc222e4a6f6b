/** Many watchers of one namespace: how many events a second reach them, and how soon. */
import { setTimeout as sleep } from "node:timers/promises";
import { H2Client } from "./h2-client.ts";
import { connectAll, drive, refusal } from "./drive.ts";
import { percentile, type Figure } from "./figures.ts";
import { collection, configMap, nameOf, type Scene } from "./shapes.ts";

// As a client library does: many watches share a connection.
const watchesPerConnection = 50;
const fanOutWatchers = 100;
const fanOutSeconds = 6;
const fanOutWriters = 4;
const deliverWatchers = 1_000;
const deliverSeconds = 10;
const deliverPerSecond = 20;
/** How long events may be under way after the last write. */
const drainMs = 20_000;
const newline = 10;
const settleMs = 1_000;
const triesMax = 30;
// Where the numbers of changes begin: no shape writes what one before it wrote, which would be no change.
const fanOutFrom = 1_000_000;
const deliverFrom = 2_000_000;

/** Updates as fast as they are acknowledged; the rate counts until the last watcher has the last event. */
export async function fanOut(scene: Scene): Promise<Figure> {
  const counts = { events: 0, lastMs: 0 };
  await using watchers = await startWatchers(scene, fanOutWatchers, (piece) => {
    counts.events += lines(piece);
    counts.lastMs = performance.now();
  });
  const startMs = performance.now();
  const written = await drive(
    scene.target,
    { clients: fanOutWriters, requestsMax: 20_000, secondsMax: fanOutSeconds, warmUp: 0 },
    (at) => update(scene, fanOutFrom + at),
  );
  const expected = (written.count - written.errors) * fanOutWatchers;
  const complete = await until(() => counts.events >= expected);
  const missing = complete ? 0 : expected - counts.events;
  return {
    ...written,
    value: counts.events / ((counts.lastMs - startMs) / 1_000),
    count: counts.events,
    total: counts.events,
    errors: written.errors + watchers.ended() + missing,
    ...(missing > 0 && {
      firstError: `${missing} of ${expected} events missing, ${watchers.ended()} watches ended: ${watchers.why()}`,
    }),
  };
}

/** Updates at a steady pace; what counts is when each watcher has each event, from when the update was sent. */
export async function deliver(scene: Scene): Promise<Figure> {
  const sentMs: number[] = [];
  const latenciesMs: number[] = [];
  await using watchers = await startWatchers(scene, deliverWatchers, (piece) => {
    const nowMs = performance.now();
    for (const [, at = ""] of piece.toString("latin1").matchAll(/"value":"(\d+) /g))
      latenciesMs.push(nowMs - (sentMs[Number(at) - deliverFrom] ?? nowMs));
  });
  const writer = await H2Client.connect(scene.target);
  const total = deliverSeconds * deliverPerSecond;
  const startMs = performance.now();
  const answers: Promise<string | undefined>[] = [];
  for (let at = 0; at < total; at += 1) {
    await sleep(Math.max(0, startMs + (at * 1_000) / deliverPerSecond - performance.now()));
    sentMs[at] = performance.now();
    answers.push(writer.request(update(scene, deliverFrom + at)).then(refusal, String));
  }
  const problems = (await Promise.all(answers)).filter((problem) => problem !== undefined);
  const expected = (total - problems.length) * deliverWatchers;
  await until(() => latenciesMs.length >= expected);
  writer.close();
  const missing = expected - latenciesMs.length;
  const p99Ms = percentile(latenciesMs, 0.99);
  const firstError = missing > 0 ? `${missing} of ${expected} events missing: ${watchers.why()}` : problems[0];
  return {
    value: p99Ms,
    unit: "ms",
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms,
    count: latenciesMs.length,
    total: latenciesMs.length,
    errors: problems.length + missing,
    ...(firstError !== undefined && { firstError }),
  };
}

function update(scene: Scene, at: number): { method: "PUT"; target: string; contentType: string; body: Buffer } {
  const object = (at * 7919) % scene.objects;
  return {
    method: "PUT",
    target: `${collection(scene)}/${nameOf(object)}`,
    contentType: "application/json",
    body: configMap(object, at),
  };
}

interface Watchers extends AsyncDisposable {
  readonly ended: () => number;
  readonly why: () => string;
}

/** Resolves once all of them are answered. */
async function startWatchers(scene: Scene, count: number, take: (piece: Buffer) => void): Promise<Watchers> {
  const connections = await connectAll(scene.target, Math.ceil(count / watchesPerConnection));
  const from = await latestRevision(scene, connections[0]);
  const state = { ended: 0, why: "none ended", closing: false };
  const over = (problem: string): void => {
    if (state.closing) return;
    if (state.ended === 0) state.why = problem;
    state.ended += 1;
  };
  const path = `${collection(scene)}?watch=true&resourceVersion=${from}`;
  for (const [at, connection] of connections.entries()) {
    const own = Math.min(watchesPerConnection, count - at * watchesPerConnection);
    for (let watch = 0; watch < own; watch += 1)
      connection.watch({ method: "GET", target: path }, take).then(
        (reply) => over(refusal(reply) ?? "the server ended it"),
        (error: unknown) => over(String(error)),
      );
    // A request on the same connection is answered after its watches were taken up.
    await latestRevision(scene, connection);
  }
  await sleep(settleMs);
  return {
    ended: () => state.ended,
    why: () => state.why,
    [Symbol.asyncDispose]: async () => {
      state.closing = true;
      for (const connection of connections) connection.close();
    },
  };
}

/** Asks again when the server has too much to do, as it may while hundreds of watches begin. */
async function latestRevision(scene: Scene, client: H2Client | undefined): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const reply = await client?.request({ method: "GET", target: `${collection(scene)}?limit=1` });
    const text = Buffer.concat(reply?.pieces ?? []).toString();
    if (reply?.status === 429 && tries < triesMax) {
      await sleep(settleMs);
      continue;
    }
    if (reply?.status !== 200) throw new Error(`expected a list, found ${text.slice(0, 300)}`);
    // Holds because every list says it.
    return (JSON.parse(text) as { readonly metadata: { readonly resourceVersion: string } }).metadata.resourceVersion;
  }
}

function lines(piece: Buffer): number {
  let count = 0;
  for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, at + 1)) count += 1;
  return count;
}

async function until(done: () => boolean): Promise<boolean> {
  const deadlineMs = performance.now() + drainMs;
  while (!done() && performance.now() < deadlineMs) await sleep(10);
  return done();
}
