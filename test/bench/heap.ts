/** What is in the heap of a Node process that was started with its inspector on: after a collection, by what it is. */

export interface Heap {
  /** Resident as it was found, and after garbage was collected. */
  readonly foundBytes: number;
  readonly residentBytes: number;
  /** Objects of JavaScript that are still held. */
  readonly heapBytes: number;
  /** What buffers hold outside the heap. */
  readonly bufferBytes: number;
  /** How many there are and what they take, by the name of what made them; none when they were not asked for. */
  readonly byMaker: Makers;
}

export type Makers = ReadonlyMap<string, { readonly count: number; readonly bytes: number }>;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly chunk?: string };
  readonly result?: { readonly result?: { readonly value?: unknown } };
  readonly error?: { readonly message: string };
}

/** The inspector's own protocol, as far as it is needed here. */
export class HeapInspector {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private chunks: string[] = [];
  private lastId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => this.take(JSON.parse(String(data)) as Answer));
  }

  /** @param port Of the inspector, on this machine. */
  static async connect(port: number): Promise<HeapInspector> {
    const targets: unknown = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
    // Holds because an inspector lists its targets so.
    const [target] = targets as readonly { readonly webSocketDebuggerUrl: string }[];
    if (!target) throw new Error(`expected an inspector on port ${port}, found none of its targets`);
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new HeapInspector(socket);
  }

  /**
   * Collects garbage.
   *
   * @param makers Whether to say what is held by what made it. To find that out takes memory which the process keeps.
   */
  async heap(makers: boolean): Promise<Heap> {
    const found = await this.usage();
    // What the first collection finds dead is let go of by the second.
    for (let at = 0; at < 2; at += 1) await this.ask("HeapProfiler.collectGarbage", {});
    const { rss, heapUsed, arrayBuffers } = await this.usage();
    const byMaker = makers ? await this.makers() : new Map();
    return { foundBytes: found.rss, residentBytes: rss, heapBytes: heapUsed, bufferBytes: arrayBuffers, byMaker };
  }

  private async usage(): Promise<NodeJS.MemoryUsage> {
    const { result } = await this.ask("Runtime.evaluate", { expression: "JSON.stringify(process.memoryUsage())" });
    // Holds because that is what was evaluated.
    return JSON.parse(String(result?.result?.value)) as NodeJS.MemoryUsage;
  }

  private async makers(): Promise<Makers> {
    this.chunks = [];
    await this.ask("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
    const byMaker = makersOf(JSON.parse(this.chunks.join("")) as Snapshot);
    this.chunks = [];
    return byMaker;
  }

  close(): void {
    this.socket.close();
  }

  private take(answer: Answer): void {
    if (answer.method === "HeapProfiler.addHeapSnapshotChunk") this.chunks.push(answer.params?.chunk ?? "");
    if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer);
  }

  private async ask(method: string, params: object): Promise<Answer> {
    this.lastId += 1;
    const id = this.lastId;
    const answer = await new Promise<Answer>((resolve) => {
      this.waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ id, method, params }));
    });
    this.waiting.delete(id);
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }
}

/** As far as it is read here. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly unknown[] };
  };
  readonly nodes: readonly number[];
  readonly strings: readonly string[];
}

function makersOf({ snapshot, nodes, strings }: Snapshot): Makers {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [typeAt, nameAt, sizeAt] = ["type", "name", "self_size"].map((name) => fields.indexOf(name));
  // Holds because the first field of a node is its type, one of these names.
  const typeNames = types[0] as readonly string[];
  const found = new Map<string, { count: number; bytes: number }>();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const type = typeNames[nodes[at + (typeAt ?? 0)] ?? 0] ?? "";
    const name = strings[nodes[at + (nameAt ?? 0)] ?? 0] ?? "";
    const maker = type === "object" || type === "closure" ? `${type} ${name}` : type;
    const known = found.get(maker) ?? { count: 0, bytes: 0 };
    known.count += 1;
    known.bytes += nodes[at + (sizeAt ?? 0)] ?? 0;
    found.set(maker, known);
  }
  return found;
}
