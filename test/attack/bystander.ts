/** Another user, in a thread of its own: asks for one object every few milliseconds, and tells how long each answer took. */
import { connect } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { Target } from "../bench/h2-client.ts";
import { memoryMegabytes } from "./observed.ts";

export interface Asking {
  readonly target: Target;
  readonly pid: number;
}

const betweenMs = 10;

// Holds because only observed.ts starts this thread.
const { target, pid } = workerData as Asking;
const { url, ca, certificate, key } = target;
const session = connect(url, {
  ...(ca === undefined ? {} : { ca }),
  ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
});

async function ask(): Promise<number> {
  const stream = session.request({ ":path": "/api/v1/namespaces/default" });
  let code = 0;
  stream.on("response", (head) => (code = Number(head[":status"])));
  for await (const _ of stream) continue;
  return code;
}

for (;;) {
  const startMs = performance.now();
  const code = await ask();
  if (code !== 200) throw new Error(`expected 200, found ${code}`);
  parentPort?.postMessage({ tookMs: performance.now() - startMs, megabytes: memoryMegabytes(pid) });
  await sleep(betweenMs);
}
