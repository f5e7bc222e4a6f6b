/** A Client over a message port: for parts that run in a thread of their own. The other end is port-server.ts. */
import { abortReason } from "#base/clock.ts";
import { BoundedStream } from "#base/queue.ts";
import { deepFreeze } from "#machinery/freeze.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { StatusError, unavailable } from "#machinery/status.ts";
import type {
  Client,
  DeleteRequest,
  ListRequest,
  ObjectList,
  Patch,
  WatchEvent,
  WatchRequest,
  WriteOptions,
} from "./client.ts";
import { nameOf, type Answer, type Ask, type Port, type Verb } from "./port.ts";

/** Events of one watch under way; half of it read is asked for again. */
const creditMax = 512;

interface Asked {
  result(value: unknown): void;
  event(event: unknown): void;
  ended(failure?: Error): void;
}

type Target = { readonly resource: ResourceDefinition; readonly key: ObjectKey };

export class PortClient implements Client {
  readonly name: string;
  private readonly port: Port;
  private readonly asked = new Map<number, Asked>();
  private lastId = 0;
  private closed = false;

  /** @param name The user the API sees on this port. */
  constructor(port: Port, name: string) {
    this.port = port;
    this.name = name;
    // Holds because the other end of this port is a port-server.ts.
    port.on("message", (message) => this.take(message as Answer));
    port.on("close", () => this.close());
  }

  get<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, signal?: AbortSignal): Promise<T> {
    return this.call<T>({ verb: "get", resource: untyped(resource), args: [key] }, signal);
  }

  list<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: ListRequest,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    return this.call<ObjectList<T>>({ verb: "list", resource: untyped(resource), args: [request] }, signal);
  }

  async *watch<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    request: WatchRequest,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    signal.throwIfAborted();
    const events = new BoundedStream<WatchEvent<T>>(creditMax);
    const id = this.ask({
      result: () => undefined,
      // Holds because the events of a watch are of the resource it asked for.
      event: (event) => events.push(deepFreeze(event) as WatchEvent<T>),
      ended: (failure) => events.end(failure),
    });
    const onAbort = (): void => events.end(abortReason(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    this.send({ type: "watch", id, resource: nameOf(untyped(resource)), request, credit: creditMax });
    try {
      let read = 0;
      for await (const event of events) {
        signal.throwIfAborted();
        yield event;
        read += 1;
        if (read < creditMax / 2) continue;
        this.send({ type: "more", id, credit: read });
        read = 0;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (this.asked.delete(id)) this.send({ type: "stop", id });
    }
  }

  create<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.call<T>({ verb: "create", resource: untyped(resource), args: [object, options] });
  }

  update<T extends KubeObject>(resource: ResourceDefinition<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.call<T>({ verb: "update", resource: untyped(resource), args: [object, options] });
  }

  patch<T extends KubeObject>(
    target: { readonly resource: ResourceDefinition<T>; readonly key: ObjectKey },
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T> {
    return this.call<T>({ verb: "patch", resource: untyped(target.resource), args: [target.key, patch, options] });
  }

  delete<T extends KubeObject>(resource: ResourceDefinition<T>, key: ObjectKey, request?: DeleteRequest): Promise<T> {
    return this.call<T>({ verb: "delete", resource: untyped(resource), args: [key, request] });
  }

  async deleteCollection<T extends KubeObject>(
    resource: ResourceDefinition<T>,
    selection: ListRequest,
    request?: DeleteRequest,
  ): Promise<void> {
    await this.call<unknown>({ verb: "deleteCollection", resource: untyped(resource), args: [selection, request] });
  }

  post(target: Target & { readonly subresource: string }, body: JsonObject): Promise<JsonValue> {
    const { resource, key, subresource } = target;
    return this.call<JsonValue>({ verb: "post", resource, args: [key, subresource, body] });
  }

  /** Ends every call and watch. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    const gone = unavailable("the API has closed the port");
    for (const asked of this.asked.values()) asked.ended(gone);
    this.asked.clear();
    this.port.close();
  }

  private call<R>(
    {
      verb,
      resource,
      args,
    }: { readonly verb: Verb; readonly resource: ResourceDefinition; readonly args: readonly unknown[] },
    signal?: AbortSignal,
  ): Promise<R> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortReason(signal));
        return;
      }
      const id = this.ask({
        // Holds because the answer to a call is what the verb of Client promises.
        result: (value) => settle(() => resolve(deepFreeze(value) as R)),
        event: () => undefined,
        ended: (failure) => settle(() => reject(failure ?? unavailable("the call ended without an answer"))),
      });
      const onAbort = (): void => {
        if (!signal || !this.asked.delete(id)) return;
        this.send({ type: "stop", id });
        reject(abortReason(signal));
      };
      const settle = (finish: () => void): void => {
        signal?.removeEventListener("abort", onAbort);
        finish();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.send({ type: "call", id, verb, resource: nameOf(resource), args });
    });
  }

  private ask(asked: Asked): number {
    this.lastId += 1;
    this.asked.set(this.lastId, asked);
    return this.lastId;
  }

  private send(ask: Ask): void {
    if (!this.closed) this.port.postMessage(ask);
    else if (ask.type === "call" || ask.type === "watch")
      this.end(ask.id, unavailable("the port to the API is closed"));
  }

  private take(answer: Answer): void {
    if (answer.type === "event") this.asked.get(answer.id)?.event(answer.event);
    else if (answer.type === "ended") this.end(answer.id);
    else if (answer.type === "refused") this.end(answer.id, new StatusError(answer.status));
    else {
      const asked = this.asked.get(answer.id);
      this.asked.delete(answer.id);
      asked?.result(answer.value);
    }
  }

  private end(id: number, failure?: Error): void {
    const asked = this.asked.get(id);
    this.asked.delete(id);
    asked?.ended(failure);
  }
}
