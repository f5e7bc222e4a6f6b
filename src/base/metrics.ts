/**
 * Counters, gauges and histograms in the Prometheus text format.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */

export type Labels = Readonly<Record<string, string>>;

// A series costs memory for ever: a metric whose labels come from outside stops growing here.
const seriesMaxPerMetric = 5_000;

interface Histogram {
  readonly labels: Labels;
  readonly counts: number[];
  sum: number;
  count: number;
}

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly write: () => string[];
}

export interface Counter {
  add(labels: Labels, by?: number): void;
  /** Drops the series: what its labels name is gone. */
  forget(labels: Labels): void;
}

export interface Gauge {
  set(labels: Labels, value: number): void;
}

export interface HistogramMetric {
  observe(labels: Labels, value: number): void;
}

/** All metrics of a process. `text` is what `/metrics` answers. */
export class Metrics {
  private readonly metrics = new Map<string, Metric>();

  counter(name: string, help: string): Counter {
    const series = this.values(name, help, "counter");
    return {
      add: (labels, by = 1) => {
        const key = formatLabels(labels);
        if (series.size < seriesMaxPerMetric || series.has(key)) series.set(key, (series.get(key) ?? 0) + by);
      },
      forget: (labels) => void series.delete(formatLabels(labels)),
    };
  }

  gauge(name: string, help: string): Gauge {
    const series = this.values(name, help, "gauge");
    return {
      set: (labels, value) => {
        const key = formatLabels(labels);
        if (series.size < seriesMaxPerMetric || series.has(key)) series.set(key, value);
      },
    };
  }

  /** A gauge that is read when it is asked for. */
  gaugeFrom(name: string, help: string, read: () => number): void {
    this.metrics.set(name, { name, help, type: "gauge", write: () => [`${name} ${read()}`] });
  }

  /** The same with one value for each set of labels. */
  gaugesFrom(
    name: string,
    help: string,
    read: () => readonly { readonly labels: Labels; readonly value: number }[],
  ): void {
    const write = (): string[] => read().map(({ labels, value }) => `${name}${formatLabels(labels)} ${value}`);
    this.metrics.set(name, { name, help, type: "gauge", write });
  }

  histogram(name: string, help: string, buckets: readonly number[]): HistogramMetric {
    const series = new Map<string, Histogram>();
    this.metrics.set(name, {
      name,
      help,
      type: "histogram",
      write: () => [...series.values()].flatMap((histogram) => formatHistogram(name, buckets, histogram)),
    });
    return {
      observe: (labels, value) => {
        const key = formatLabels(labels);
        let histogram = series.get(key);
        if (!histogram) {
          if (series.size >= seriesMaxPerMetric) return;
          histogram = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 };
          series.set(key, histogram);
        }
        const bucket = buckets.findIndex((bound) => value <= bound);
        if (bucket >= 0) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
        histogram.sum += value;
        histogram.count += 1;
      },
    };
  }

  text(): string {
    const lines: string[] = [];
    for (const { name, help, type, write } of this.metrics.values()) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...write());
    }
    return `${lines.join("\n")}\n`;
  }

  private values(name: string, help: string, type: "counter" | "gauge"): Map<string, number> {
    const series = new Map<string, number>();
    const write = (): string[] => [...series].map(([labels, value]) => `${name}${labels} ${value}`);
    this.metrics.set(name, { name, help, type, write });
    return series;
  }
}

function formatHistogram(name: string, buckets: readonly number[], histogram: Histogram): string[] {
  let below = 0;
  const lines = buckets.map((bound, at) => {
    below += histogram.counts[at] ?? 0;
    return `${name}_bucket${formatLabels({ ...histogram.labels, le: String(bound) })} ${below}`;
  });
  const labels = formatLabels(histogram.labels);
  return [
    ...lines,
    `${name}_bucket${formatLabels({ ...histogram.labels, le: "+Inf" })} ${histogram.count}`,
    `${name}_sum${labels} ${histogram.sum}`,
    `${name}_count${labels} ${histogram.count}`,
  ];
}

const formatted = new WeakMap<Labels, string>();

/** The text of a set of labels; who uses the same object again gets it for free. */
function formatLabels(labels: Labels): string {
  const known = formatted.get(labels);
  if (known !== undefined) return known;
  const made = labelText(labels);
  formatted.set(labels, made);
  return made;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${key}="${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
