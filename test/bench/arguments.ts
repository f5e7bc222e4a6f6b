/** The arguments of `npm run bench`, as a plan. */
import { parseArgs } from "node:util";

export interface Other {
  /** As it stands in the table. */
  readonly name: string;
  readonly kubeconfig: string;
  /** Instead of the kubeconfig's. */
  readonly url?: string;
  /** Its processes, when they run on this machine: then their memory and CPU are measured too. */
  readonly pids: readonly number[];
}

const parts = ["scheduler", "scale", "memory"] as const;

export interface Plan {
  /** None: a kedge that is started for it is measured, node and all. One or two: their API part is. */
  readonly others: readonly Other[];
  /** A kedge is started, and measured in turns with the other. */
  readonly compare: boolean;
  readonly node: boolean;
  /** Only what HTTP/2 itself costs, beside Node's own. */
  readonly wire: boolean;
  /** Only what a pod costs the scheduler, only a cluster of many fake nodes, or only what a control plane holds. */
  readonly part: (typeof parts)[number] | undefined;
  /** Of memory also what is held by what made it; to find that out takes memory. */
  readonly makers: boolean;
  /** Of the cluster of fake nodes. */
  readonly nodes: number;
  readonly pods: number;
  readonly idleSeconds: number;
  readonly starts: number;
  readonly rounds: number;
  readonly objects: number;
  /** Shapes whose names begin with one of these; all when there are none. */
  readonly shapes: readonly string[];
  readonly port: number;
  /** Where data directories are made. */
  readonly folder: string;
}

export const usage = `npm run bench -- [scheduler | scale | memory] [flags]

Measures a kedge that it starts, and writes the figures into docs/bench.md. "scheduler": only what a pod
costs the scheduler, by the nodes and the pods that are there. "scale": only a cluster of many fake nodes and their pods.
"memory": only what a control plane holds, after things that clusters live through.

  --against URL        measure the API server at URL instead; twice: both of them, in turns
  --kubeconfig FILE    who one is there, and where it is when there is no --against; once for each
  --name NAME          what the table calls it; once for each
  --pids PID,PID       its processes on this machine, to measure their memory and CPU; once for each
  --compare            start a kedge too, and measure the two in turns
  --wire               only what HTTP/2 itself costs, beside what Node's own does
  --makers             of memory, also what is held by what made it; takes memory itself
  --disable-agent      no node: control plane only
  --idle-seconds N     how long to look at an idle cluster (300)
  --starts N           how many cold starts (3)
  --rounds N           how many times the shapes are run; medians count (1)
  --objects N          how many ConfigMaps (11000)
  --shapes A,B         only shapes whose names begin like this
  --nodes N            how many fake nodes, for "scale" (5000)
  --pods N             how many pods on them (150000)
  --port N             of the kedge that is started (26443)
  --folder DIR         where its data directories are made (/var/tmp)
`;

/** @throws Error in one sentence; undefined when help was asked for. */
export function planOf(args: readonly string[]): Plan | undefined {
  const text = { type: "string" } as const;
  const texts = { type: "string", multiple: true, default: [] as string[] } as const;
  const on = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: texts,
      kubeconfig: texts,
      name: texts,
      pids: texts,
      compare: on,
      wire: on,
      makers: on,
      "disable-agent": on,
      "idle-seconds": { ...text, default: "300" },
      starts: { ...text, default: "3" },
      rounds: { ...text, default: "1" },
      objects: { ...text, default: "11000" },
      shapes: { ...text, default: "" },
      nodes: { ...text, default: "5000" },
      pods: { ...text, default: "150000" },
      port: { ...text, default: "26443" },
      folder: { ...text, default: "/var/tmp" },
      help: on,
    },
  });
  if (values.help) return undefined;
  const part = parts.find((one) => one === positionals[0]);
  if (positionals.length > (part === undefined ? 0 : 1)) {
    const known = parts.map((one) => `"${one}"`).join(", ");
    throw new Error(`expected ${known} or nothing before the flags, found "${positionals.join(" ")}"`);
  }
  if (values.against.length > values.kubeconfig.length)
    throw new Error(
      `expected a --kubeconfig for each --against, found ${values.kubeconfig.length} for ${values.against.length}`,
    );
  if (values.kubeconfig.length > 2)
    throw new Error(`expected one or two servers to measure, found ${values.kubeconfig.length}`);
  if (values.compare && values.kubeconfig.length !== 1)
    throw new Error(`expected one --kubeconfig to compare with, found ${values.kubeconfig.length}`);
  return {
    others: values.kubeconfig.map((kubeconfig, at) => other(values, kubeconfig, at)),
    compare: values.compare,
    wire: values.wire,
    part,
    makers: values.makers,
    nodes: count(values.nodes, "--nodes"),
    pods: count(values.pods, "--pods"),
    node: !values["disable-agent"] && values.kubeconfig.length === 0,
    idleSeconds: count(values["idle-seconds"], "--idle-seconds"),
    starts: count(values.starts, "--starts"),
    rounds: count(values.rounds, "--rounds"),
    objects: count(values.objects, "--objects"),
    shapes: values.shapes.split(",").filter((shape) => shape !== ""),
    port: count(values.port, "--port"),
    folder: values.folder,
  };
}

interface OtherValues {
  readonly against: readonly string[];
  readonly name: readonly string[];
  readonly pids: readonly string[];
}

function other(values: OtherValues, kubeconfig: string, at: number): Other {
  const url = values.against[at];
  return {
    kubeconfig,
    name: values.name[at] ?? `server ${at + 1}`,
    pids: (values.pids[at] ?? "").split(",").flatMap((pid) => (pid === "" ? [] : [count(pid, "--pids")])),
    ...(url !== undefined && { url }),
  };
}

function count(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`expected a whole number above 0 for ${flag}, found "${text}"`);
}
