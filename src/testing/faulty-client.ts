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
  | { readonly kind: "refused"; readonly error?: StatusError }
  /** It happens, and the caller hears that it failed. */
  | { readonly kind: "lost" }
  /** It does not happen, and no answer ever comes. */
  | { readonly kind: "hung" };

export const served: Fate = { kind: "served" };

export class FaultyClient implements Client {
  readonly name: string;
  private readonly inner: Client;
  private readonly clock: Clock;
  private readonly fateOf: (call: Call) => Fate;

  constructor(inner: Client, clock: Clock, fateOf: (call: Call) => Fate) {
    this.name = inner.name;
    this.inner = inner;
    this.clock = clock;
    this.fateOf = fateOf;
  }

  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T> {
    return this.meet({ user: this.name, verb: "get", resource: resource.id, key }, () =>
      this.inner.get(resource, key, signal),
    );
  }

  list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    const key = { namespace: request.namespace ?? "", name: "" };
    return this.meet({ user: this.name, verb: "list", resource: resource.id, key }, () =>
      this.inner.list(resource, request, signal),
    );
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const key = { namespace: request.namespace ?? "", name: "" };
    await this.meet({ user: this.name, verb: "watch", resource: resource.id, key }, () => Promise.resolve());
    for await (const event of this.inner.watch(resource, request, signal)) {
      const fate = this.fateOf({ user: this.name, verb: "watch", resource: resource.id, key });
      // An event that is not served ends the watch before it: the reader goes on from the one it saw last.
      if (fate.kind !== "served") return;
      if (fate.lateMs !== undefined) await this.clock.sleep(fate.lateMs, signal);
      yield event;
    }
  }

  create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    const call = { user: this.name, verb: "create", resource: resource.id, key: keyOf(object) } as const;
    return this.meet(call, () => this.inner.create(resource, object, options));
  }

  update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    const call = { user: this.name, verb: "update", resource: resource.id, key: keyOf(object) } as const;
    return this.meet(call, () => this.inner.update(resource, object, options));
  }

  patch<T extends KubeObject>(
    target: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T> {
    const call = { user: this.name, verb: "patch", resource: target.resource.id, key: target.key } as const;
    return this.meet(call, () => this.inner.patch(target, patch, options));
  }

  delete<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, request?: DeleteRequest): Promise<T> {
    return this.meet({ user: this.name, verb: "delete", resource: resource.id, key }, () =>
      this.inner.delete(resource, key, request),
    );
  }

  deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request?: DeleteRequest,
  ): Promise<void> {
    const key = { namespace: selection.namespace ?? "", name: "" };
    const call = { user: this.name, verb: "deletecollection", resource: resource.id, key } as const;
    return this.meet(call, () => this.inner.deleteCollection(resource, selection, request));
  }

  post(
    target: { readonly resource: ResourceDefinition; readonly key: ObjectKey; readonly subresource: string },
    body: JsonObject,
  ): Promise<JsonValue> {
    const call = { user: this.name, verb: "post", resource: target.resource.id, key: target.key } as const;
    return this.meet(call, () => this.inner.post(target, body));
  }

  private async meet<R>(call: Call, happen: () => Promise<R>): Promise<R> {
    const fate = this.fateOf(call);
    switch (fate.kind) {
      case "served":
        if (fate.lateMs !== undefined) await this.clock.sleep(fate.lateMs, new AbortController().signal);
        return happen();
      case "refused":
        throw fate.error ?? unavailable("refused by the test");
      case "lost":
        await happen();
        throw unavailable("the answer was lost by the test");
      case "hung":
        return new Promise<never>(() => undefined);
    }
  }
}
