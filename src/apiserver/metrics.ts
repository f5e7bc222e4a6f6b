/** The API server's own figures, by upstream's names. */
import type { Labels, Metrics } from "#base/metrics.ts";
import { own } from "#base/own.ts";
import type { RequestInfo } from "./request-info.ts";
import type { Seats } from "./seats.ts";

const bucketsSeconds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60];

// Labels that are used again and again; what is beyond comes from outside.
const seriesMax = 1_000;

interface Series {
  readonly labels: Labels;
  readonly codes: Map<number, Labels>;
}

export class RequestMetrics {
  private readonly total;
  private readonly duration;
  private readonly series = new Map<string, Series>();

  constructor(metrics: Metrics, seats: Seats) {
    this.total = metrics.counter(
      "apiserver_request_total",
      "Requests, by verb, group, version, resource, scope and HTTP code.",
    );
    this.duration = metrics.histogram(
      "apiserver_request_duration_seconds",
      "Time to answer requests that end, in seconds.",
      bucketsSeconds,
    );
    metrics.gaugesFrom("apiserver_current_inflight_requests", "Requests that are worked on now.", () => [
      { labels: { request_kind: "readOnly" }, value: seats.inUse("read") },
      { labels: { request_kind: "mutating" }, value: seats.inUse("write") },
    ]);
    metrics.gaugeFrom(
      "apiserver_longrunning_requests",
      "Watches and connections now.",
      () => seats.inUse("watch") + seats.inUse("connection"),
    );
  }

  note(info: RequestInfo | undefined, code: number, tookMs: number): void {
    const { labels, codes } = this.seriesOf(info);
    let coded = codes.get(code);
    if (!coded) {
      coded = { ...labels, code: String(code) };
      codes.set(code, coded);
    }
    this.total.add(coded);
    if (labels["verb"] !== "WATCH") this.duration.observe(labels, tookMs / 1000);
  }

  private seriesOf(info: RequestInfo | undefined): Series {
    const path = info?.resource;
    const key = path
      ? `${info.verb} ${path.group} ${path.version} ${path.resource} ${path.subresource} ${scopeOf(path)}`
      : (info?.method ?? "");
    let series = this.series.get(key);
    if (!series) {
      if (this.series.size >= seriesMax) this.series.clear();
      series = { labels: labelsOf(info), codes: new Map() };
      this.series.set(key, series);
    }
    return series;
  }
}

const noLabels = { group: "", version: "", resource: "", subresource: "", scope: "" };

function labelsOf(info: RequestInfo | undefined): Readonly<Record<string, string>> {
  // Paths and methods come from outside: only what is known becomes a label.
  if (!info?.resource) return { verb: info?.method === "GET" ? "GET" : "OTHER", ...noLabels };
  const { group, version, resource, subresource } = info.resource;
  const scope = scopeOf(info.resource);
  return { verb: own(verbs, info.verb) ?? "OTHER", group, version, resource, subresource, scope };
}

function scopeOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  if (name !== "") return "resource";
  return namespace === "" ? "cluster" : "namespace";
}

const verbs: Readonly<Record<string, string>> = {
  create: "POST",
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
};
