/**
 * A client whose calls go wrong as a test says, or as a seed does: refused before anything happened, lost after it did,
 * late, or never answered. What never answers is how a crash looks to what was calling.
 */
import type { Clock } from "#base/clock.ts";
import type {
  Client,
  DeleteRequest,
  ListRequest,
  ObjectList,
  Patch,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from "#client/client.ts";
import { keyOf, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { unavailable, type StatusError } from "#machinery/status.ts";

export interface Call {
  /** The name of the client, e.g. "system:serviceaccount:kube-system:job-controller". */
  readonly user: string;
  readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection" | "post";
  readonly resource: string;
  readonly key: ObjectKey;
}

/** What becomes of a call. */
export type Fate =
  | { readonly kind: "served"; readonly lateMs?: number }
  | { readonly kind: "refused"; readonly error?: StatusError; readonly lateMs?: number }
  /** It happens, and the caller hears that it failed, so much later. */
  | { readonly kind: "lost"; readonly lateMs?: number }
  /** It does not happen, and no answer ever comes. */
  | { readonly kind: "hung" };

export const served: Fate = { kind: "served" };

/** A way to a server that may end and come back. */
export interface Line {
  /** Of the user. */
  readonly name: string;
  /** @throws StatusError while there is no server. `cut` is aborted when the one there is ends, and its answers with it. */
  connect(): { readonly client: Client; readonly cut: AbortSignal };
}

const neverCut = new AbortController().signal;

export class FaultyClient implements Client {
  readonly name: string;
  private readonly line: Line;
  private readonly clock: Clock;
  private readonly fateOf: (call: Call) => Fate;

  constructor(way: Client | Line, clock: Clock, fateOf: (call: Call) => Fate) {
    this.name = way.name;
    this.line = "connect" in way ? way : { name: way.name, connect: () => ({ client: way, cut: neverCut }) };
    this.clock = clock;
    this.fateOf = fateOf;
  }

  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T> {
    return this.meet({ user: this.name, verb: "get", resource: resource.id, key }, (inner) =>
      inner.get(resource, key, signal),
    );
  }

  list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    const key = { namespace: request.namespace ?? "", name: "" };
    return this.meet({ user: this.name, verb: "list", resource: resource.id, key }, (inner) =>
      inner.list(resource, request, signal),
    );
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const key = { namespace: request.namespace ?? "", name: "" };
    const call = { user: this.name, verb: "watch", resource: resource.id, key } as const;
    await this.meet(call, () => Promise.resolve());
    const { client, cut } = this.line.connect();
    try {
      for await (const event of client.watch(resource, request, AbortSignal.any([signal, cut]))) {
        const fate = this.fateOf(call);
        // An event that is not served ends the watch before it: the reader goes on from the one it saw last.
        if (fate.kind !== "served") return;
        if (fate.lateMs !== undefined) await this.clock.sleep(fate.lateMs, signal);
        yield event;
      }
    } catch (error) {
      throw cut.aborted && !signal.aborted ? reset() : error;
    }
  }

  create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    const call = { user: this.name, verb: "create", resource: resource.id, key: keyOf(object) } as const;
    return this.meet(call, (inner) => inner.create(resource, object, options));
  }

  update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    const call = { user: this.name, verb: "update", resource: resource.id, key: keyOf(object) } as const;
    return this.meet(call, (inner) => inner.update(resource, object, options));
  }

  patch<T extends KubeObject>(
    target: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T> {
    const call = { user: this.name, verb: "patch", resource: target.resource.id, key: target.key } as const;
    return this.meet(call, (inner) => inner.patch(target, patch, options));
  }

  delete<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, request?: DeleteRequest): Promise<T> {
    return this.meet({ user: this.name, verb: "delete", resource: resource.id, key }, (inner) =>
      inner.delete(resource, key, request),
    );
  }

  deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request?: DeleteRequest,
  ): Promise<void> {
    const key = { namespace: selection.namespace ?? "", name: "" };
    const call = { user: this.name, verb: "deletecollection", resource: resource.id, key } as const;
    return this.meet(call, (inner) => inner.deleteCollection(resource, selection, request));
  }

  post(
    target: { readonly resource: ResourceDefinition; readonly key: ObjectKey; readonly subresource: string },
    body: JsonObject,
  ): Promise<JsonValue> {
    const call = { user: this.name, verb: "post", resource: target.resource.id, key: target.key } as const;
    return this.meet(call, (inner) => inner.post(target, body));
  }

  private async meet<R>(call: Call, happen: (client: Client) => Promise<R>): Promise<R> {
    const fate = this.fateOf(call);
    const happens = (): Promise<R> => {
      const { client, cut } = this.line.connect();
      return cut === neverCut ? happen(client) : untilCut(happen(client), cut);
    };
    const late = async (): Promise<void> => {
      if (fate.kind !== "hung" && fate.lateMs !== undefined) await this.clock.sleep(fate.lateMs, neverCut);
    };
    switch (fate.kind) {
      case "served":
        await late();
        return happens();
      case "refused":
        await late();
        throw fate.error ?? unavailable("refused by the test");
      case "lost":
        await happens();
        await late();
        throw unavailable("the answer was lost by the test");
      case "hung":
        return new Promise<never>(() => undefined);
    }
  }
}

/** What was asked, unless the server ends before it has answered. */
function untilCut<R>(answer: Promise<R>, cut: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const broken = (): void => reject(reset());
    cut.addEventListener("abort", broken, { once: true });
    answer.then(resolve, reject).finally(() => cut.removeEventListener("abort", broken));
  });
}

function reset(): StatusError {
  return unavailable("the connection was reset");
}
