/**
 * The kubelet over HTTP: upstream's paths, for the API server on another machine, for metrics, and for people.
 *
 * @see https://kubernetes.io/docs/reference/node/kubelet-api/
 */
import { messageOf } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import type { Metrics } from "#base/metrics.ts";
import { own } from "#base/own.ts";
import { badRequest, internal, notFound, StatusError } from "#machinery/status.ts";
import type { Exchange, ResponseStream } from "#wire/http.ts";
import { acceptPortForward, bridgePair } from "#wire/port-forward.ts";
import { acceptRemoteSession, bridge, type RemoteWants } from "#wire/remote-streams.ts";
import type { ContainerTarget, KubeletApi, PodTarget } from "./kubelet-api.ts";
import { logOptionsOf } from "./log-options.ts";
import { cadvisorMetrics, resourceMetrics } from "./resource-metrics.ts";
import type { Stats } from "./stats.ts";

export interface ServerParts {
  readonly api: KubeletApi;
  readonly stats: Stats;
  readonly machine: { readonly cpus: number; readonly memoryBytes: number };
  readonly metrics: Metrics;
  readonly probeMetrics: Metrics;
  /** Why the kubelet is not well; undefined when it is. */
  readonly unhealthy: () => string | undefined;
  /** Throws a StatusError when the request may not be answered; absent where whoever calls is trusted. */
  readonly require?: (exchange: Exchange) => Promise<void>;
  readonly nowMs: () => number;
}

type Answer = (parts: ServerParts, exchange: Exchange, names: readonly string[]) => Promise<void>;

const textType = { "content-type": "text/plain; charset=utf-8" };
const metricsType = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
const jsonType = { "content-type": "application/json" };

const reply = (exchange: Exchange, type: Readonly<Record<string, string>>, text: string): void =>
  exchange.reply(200, type, utf8(text));

/** First parts of paths, and what answers them with the other parts. */
const answers: Readonly<Record<string, Answer>> = {
  healthz: async ({ unhealthy }, exchange) => {
    const why = unhealthy();
    if (why === undefined) reply(exchange, textType, "ok");
    else exchange.reply(500, textType, utf8(why));
  },
  pods: async ({ api }, exchange) =>
    reply(exchange, jsonType, JSON.stringify({ kind: "PodList", apiVersion: "v1", metadata: {}, items: api.pods() })),
  stats: async ({ stats }, exchange, [what]) => {
    if (what !== "summary") throw notFound({ group: "", resource: "stats", name: what ?? "" });
    reply(exchange, jsonType, JSON.stringify(await stats.summary(exchange.signal)));
  },
  metrics: async (parts, exchange, [what]) => {
    const { stats, metrics, probeMetrics, machine } = parts;
    const texts: Readonly<Record<string, () => string | Promise<string>>> = {
      "": () => metrics.text(),
      probes: () => probeMetrics.text(),
      resource: () => resourceMetrics(stats, exchange.signal),
      cadvisor: () => cadvisorMetrics(stats, machine, exchange.signal),
    };
    const text = own(texts, what ?? "");
    if (!text) throw notFound({ group: "", resource: "metrics", name: what ?? "" });
    reply(exchange, metricsType, await text());
  },
  containerLogs,
  exec: (parts, exchange, names) => remote(parts, exchange, names),
  attach: (parts, exchange, names) => remote(parts, exchange, names),
  run: async ({ api }, exchange, names) => {
    const command = queryOf(exchange)
      .getAll("cmd")
      .flatMap((text) => text.split(" "));
    exchange.reply(200, textType, await api.run(containerOf(names), command, exchange.signal));
  },
  portForward: async ({ api }, exchange, names) => {
    const ports = queryOf(exchange)
      .getAll("ports")
      .flatMap((text) => text.split(","))
      .map(Number);
    const runtime = await api.portForward(podOf(names), exchange);
    const client = await acceptPortForward(exchange, {
      ports,
      onPair: (pair) => bridgePair(pair, runtime.open(pair.port)),
    });
    await Promise.race([client.closed, runtime.closed]);
    client.close();
    runtime.close();
  },
};

/** Answers one request; never throws. */
export async function answerKubelet(parts: ServerParts, exchange: Exchange): Promise<void> {
  try {
    const [first = "", ...names] = exchange.path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    const answer = own(answers, first);
    await parts.require?.(exchange);
    if (!answer) throw notFound({ group: "", resource: "path", name: exchange.path });
    await answer(parts, exchange, names);
  } catch (error) {
    if (exchange.answered) return;
    const { code, message } = error instanceof StatusError ? error : internal(messageOf(error));
    exchange.reply(code, textType, utf8(`${message}\n`));
  }
}

const queryOf = (exchange: Exchange): URLSearchParams => new URLSearchParams(exchange.query);

/** Names after the first part of a path: namespace, pod, perhaps its uid. */
function podOf(names: readonly string[]): PodTarget {
  const [namespace, pod, uid] = names;
  if (!namespace || !pod) throw badRequest("expected /namespace/pod in the path");
  return { namespace, pod, ...(uid !== undefined && { uid }) };
}

/** Namespace, pod, perhaps its uid, container. */
function containerOf(names: readonly string[]): ContainerTarget {
  const container = names.at(-1);
  if (names.length < 3 || !container) throw badRequest("expected /namespace/pod/container in the path");
  return { ...podOf(names.slice(0, -1)), container };
}

async function containerLogs({ api, nowMs }: ServerParts, exchange: Exchange, names: readonly string[]): Promise<void> {
  const query = queryOf(exchange);
  const pieces = await api.containerLogs({
    ...containerOf(names),
    ...logOptionsOf(query, nowMs()),
    previous: query.get("previous") === "true",
    signal: exchange.signal,
  });
  const response = exchange.stream(200, textType);
  await pour(pieces, response);
}

/** Writes as fast as the client reads. */
async function pour(pieces: AsyncIterable<Uint8Array>, response: ResponseStream): Promise<void> {
  for await (const piece of pieces) {
    if (response.signal.aborted) return;
    if (!response.write(piece)) await response.drained();
  }
  response.end();
}

async function remote({ api }: ServerParts, exchange: Exchange, names: readonly string[]): Promise<void> {
  const query = queryOf(exchange);
  const asks = (...keys: readonly string[]): boolean =>
    keys.some((key) => ["1", "true"].includes(query.get(key) ?? ""));
  const wants: RemoteWants = {
    stdin: asks("input", "stdin"),
    stdout: asks("output", "stdout"),
    stderr: asks("error", "stderr"),
    tty: asks("tty"),
  };
  const command = query.getAll("command");
  const how = { wants, signal: exchange.signal };
  const target = containerOf(names);
  const runtime = exchange.path.startsWith("/exec/")
    ? await api.exec(target, command, how)
    : await api.attach(target, how);
  await bridge(await acceptRemoteSession(exchange, wants), runtime);
}
