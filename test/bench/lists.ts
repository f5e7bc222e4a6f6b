/** Lists of everything, and lists in pages. */
import type { Reply } from "./h2-client.ts";
import { connectAll, drive, refusal } from "./drive.ts";
import { percentile, type Figure } from "./figures.ts";
import { collection, configMap, nameOf, type Scene } from "./shapes.ts";

const pageSize = 500;
const pagesSeconds = 6;
// Where the numbers of changes begin: no shape writes what one before it wrote, which would be no change.
const changesFrom = 3_000_000;

/** Whole lists, one after the other; the median is what counts. */
export async function list(scene: Scene, query: string, accept = "application/json"): Promise<Figure> {
  const figure = await drive(scene.target, { clients: 1, requestsMax: 60, secondsMax: 8 }, () => ({
    method: "GET",
    target: collection(scene) + query,
    accept,
  }));
  return { ...figure, value: figure.p50Ms, unit: "ms" };
}

/** Four clients, each of whom reads page after page, and begins again at the end. */
export async function listPages(scene: Scene): Promise<Figure> {
  const clients = await connectAll(scene.target, 4);
  const latenciesMs: number[] = [];
  let firstError: string | undefined;
  const startMs = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      let from = "";
      while (performance.now() - startMs < pagesSeconds * 1_000 && firstError === undefined) {
        const sentMs = performance.now();
        const reply = await client.request({
          method: "GET",
          target: `${collection(scene)}?limit=${pageSize}${from}`,
        });
        latenciesMs.push(performance.now() - sentMs);
        firstError ??= refusal(reply);
        from = continuation(reply);
      }
    }),
  );
  const seconds = (performance.now() - startMs) / 1_000;
  for (const client of clients) client.close();
  return {
    value: latenciesMs.length / seconds,
    unit: "/s",
    p50Ms: percentile(latenciesMs, 0.5),
    p99Ms: percentile(latenciesMs, 0.99),
    count: latenciesMs.length,
    total: latenciesMs.length,
    errors: firstError === undefined ? 0 : 1,
    ...(firstError !== undefined && { firstError }),
  };
}

/** The same, while objects are changed as fast as one client can. */
export async function listPagesOfChanging(scene: Scene): Promise<Figure> {
  let over = false;
  const writing = drive(scene.target, { clients: 1, requestsMax: 100_000, secondsMax: pagesSeconds + 5 }, (at) =>
    over
      ? undefined
      : {
          method: "PUT",
          target: `${collection(scene)}/${nameOf(at % scene.objects)}`,
          contentType: "application/json",
          body: configMap(at % scene.objects, changesFrom + at),
        },
  );
  const figure = await listPages(scene);
  over = true;
  const written = await writing;
  return { ...figure, errors: figure.errors + written.errors };
}

/** The list's metadata is at its beginning or at its end; a look at both spares parsing the page. */
function continuation({ pieces }: Reply): string {
  const text = Buffer.concat(pieces);
  for (const part of [text.subarray(0, 2_000), text.subarray(-2_000)]) {
    const token = /"continue":"([^"]+)"/.exec(part.toString())?.[1];
    if (token !== undefined) return `&continue=${encodeURIComponent(token)}`;
  }
  return "";
}
