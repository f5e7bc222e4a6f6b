/**
 * The layers of the house: what each area may import, which areas may touch the machine, and which npm package
 * belongs to which area. `layers.test.ts` holds every file in src/ to this table; see ARCHITECTURE.md.
 */
export interface Area {
  /** Areas below this one. Imports go down only, types included. */
  readonly imports: readonly string[];
  /** True where files, sockets, processes, timers, clocks and chance may be touched. */
  readonly effects: boolean;
}

const upToClient = ["base", "wire", "machinery", "resources", "client"];

export const areas: Readonly<Record<string, Area>> = {
  base: { imports: [], effects: false },
  wire: { imports: ["base"], effects: true },
  host: { imports: ["base", "wire"], effects: true },
  machinery: { imports: ["base"], effects: false },
  resources: { imports: ["base", "machinery"], effects: false },
  storage: { imports: ["base", "wire"], effects: true },
  client: { imports: ["base", "wire", "machinery", "resources"], effects: false },
  apiserver: { imports: ["base", "wire", "machinery", "resources", "storage", "client"], effects: false },
  controllers: { imports: upToClient, effects: false },
  scheduler: { imports: ["base", "machinery", "resources", "client"], effects: false },
  kubelet: { imports: [...upToClient, "host"], effects: false },
  network: { imports: [...upToClient, "host"], effects: false },
  addons: { imports: upToClient, effects: false },
  cli: { imports: upToClient, effects: true },
  distro: {
    imports: [
      "base",
      "wire",
      "host",
      "machinery",
      "resources",
      "storage",
      "client",
      "apiserver",
      "controllers",
      "scheduler",
      "kubelet",
      "network",
      "addons",
    ],
    effects: true,
  },
  testing: {
    imports: [
      "base",
      "wire",
      "host",
      "machinery",
      "resources",
      "storage",
      "client",
      "apiserver",
      "controllers",
      "scheduler",
      "kubelet",
      "network",
      "addons",
      "cli",
      "distro",
    ],
    effects: true,
  },
};

/** Files of areas without effects that wrap an effect, so that everything else can be given it. */
export const effectFiles: readonly string[] = ["src/base/clock.ts", "src/base/random.ts"];

/** Node modules that are an effect: reaching for one of them reaches outside the process. */
export const effectModules: readonly string[] = [
  "child_process",
  "cluster",
  "dgram",
  "dns",
  "ffi",
  "fs",
  "fs/promises",
  "http",
  "http2",
  "https",
  "net",
  "os",
  "sqlite",
  "timers",
  "timers/promises",
  "tls",
  "worker_threads",
];

/** Every npm package of the product, the areas that may import it, and why it is here. */
export const packages: Readonly<Record<string, { readonly areas: readonly string[]; readonly why: string }>> = {
  "@esbuild/linux-x64": {
    areas: [],
    why: "packs the sources when they have changed: tools/pack; never loaded by kedge",
  },
  "dns-packet": { areas: ["wire"], why: "DNS messages" },
  "fast-check": {
    areas: ["storage"],
    why: "random histories in the suite that every store passes; never loaded by kedge",
  },
  "js-yaml": { areas: ["wire"], why: "YAML" },
  re2js: {
    areas: ["machinery"],
    why: "expressions of users (patterns of custom resources), in Go's syntax and in linear time, which RegExp is not",
  },
  "tar-stream": { areas: ["wire"], why: "tar archives" },
  ws: { areas: ["wire"], why: "WebSocket framing" },
};
