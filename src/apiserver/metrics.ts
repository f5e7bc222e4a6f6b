/** The API server's own figures, by upstream's names. */
import type { Labels, Metrics } from "#base/metrics.ts";
import { own } from "#base/own.ts";
import type { Registry } from "./registry.ts";
import type { RequestInfo } from "./request-info.ts";
import type { Seats } from "./seats.ts";

const bucketsSeconds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60];

// Labels that are used again and again. Those of resources that are not served any more are let go with the rest.
const seriesMax = 1_000;

interface Series {
  readonly labels: Labels;
  readonly codes: Map<number, Labels>;
}

export class RequestMetrics {
  private readonly total;
  private readonly duration;
  private readonly series = new Map<string, Series>();
  private readonly registry: Registry;

  constructor(metrics: Metrics, { seats, registry }: { readonly seats: Seats; readonly registry: Registry }) {
    this.registry = registry;
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
    const labels = this.labelsOf(info);
    const key = Object.values(labels).join(" ");
    let series = this.series.get(key);
    if (!series) {
      if (this.series.size >= seriesMax) this.series.clear();
      series = { labels, codes: new Map() };
      this.series.set(key, series);
    }
    return series;
  }

  /** Paths and methods come from anybody, and a label is kept for ever: only what is served becomes one. */
  private labelsOf(info: RequestInfo | undefined): Labels {
    const path = info?.resource;
    const served = path && this.registry.find(path.group, path.version, path.resource);
    if (!served || !(path.subresource === "" || served.subresources.has(path.subresource)))
      return info?.method === "GET" ? readElsewhere : elsewhere;
    const { group, version, resource, subresource } = path;
    return { verb: own(verbs, info.verb) ?? "OTHER", group, version, resource, subresource, scope: scopeOf(path) };
  }
}

const noLabels = { group: "", version: "", resource: "", subresource: "", scope: "" };
const readElsewhere: Labels = { verb: "GET", ...noLabels };
const elsewhere: Labels = { verb: "OTHER", ...noLabels };

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
