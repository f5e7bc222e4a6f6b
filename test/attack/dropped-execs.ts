/** Commands in a container whose client goes away as soon as they run. */
import { request } from "node:https";
import type { Target } from "../bench/h2-client.ts";

const acceptMs = 10_000;

/** @returns How many the server had accepted before their client left. */
export async function dropExecs(target: Target, path: string, count: number): Promise<number> {
  const { url, ca, certificate, key } = target;
  const one = (): Promise<boolean> =>
    new Promise((resolve) => {
      const asked = request(new URL(path, url), {
        method: "POST",
        agent: false,
        signal: AbortSignal.timeout(acceptMs),
        headers: { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" },
        ...(ca === undefined ? {} : { ca }),
        ...(certificate === undefined ? {} : { cert: certificate }),
        ...(key === undefined ? {} : { key }),
      });
      asked.on("upgrade", (_, socket) => {
        socket.destroy();
        resolve(true);
      });
      asked.on("response", (response) => {
        response.resume();
        resolve(false);
      });
      asked.on("error", () => resolve(false));
      asked.end();
    });
  const all = await Promise.all(Array.from({ length: count }, one));
  return all.filter(Boolean).length;
}
