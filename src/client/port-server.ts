/** Serves a Client to another thread over a message port. The other end is port-client.ts. */
import { messageOf } from "#base/assert.ts";
import type { Log } from "#base/log.ts";
import type { KubeObject, ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject } from "#machinery/shape.ts";
import { notFound } from "#machinery/status.ts";
import type { Client, DeleteRequest, ListRequest, Patch, WatchRequest, WriteOptions } from "./client.ts";
import { statusOf, type Answer, type Ask, type Port, type ResourceName } from "./port.ts";

export interface PortServerParts {
  /** What is done over the port is done by this client's user. */
  readonly client: Client;
  /** Finds the definition of a resource; a definition itself cannot cross. */
  readonly resourceOf: (name: ResourceName) => ResourceDefinition | undefined;
  readonly log: Log;
}

/** Answers everything that comes, until the signal is aborted or the port closes. */
export function servePort(port: Port, parts: PortServerParts, signal: AbortSignal): void {
  const server = new PortServer(port, parts);
  // Holds because the other end of this port is a port-client.ts.
  port.on("message", (message) => server.take(message as Ask));
  port.on("close", () => server.stopAll());
  const close = (): void => {
    server.stopAll();
    port.close();
  };
  if (signal.aborted) close();
  else signal.addEventListener("abort", close, { once: true });
}

/** A call or watch under way. */
interface Work {
  readonly abort: AbortController;
  credit: number;
  /** Wakes a watch that waits for credit. */
  wake: (() => void) | undefined;
}

class PortServer {
  private readonly port: Port;
  private readonly parts: PortServerParts;
  private readonly working = new Map<number, Work>();
  private stopped = false;

  constructor(port: Port, parts: PortServerParts) {
    this.port = port;
    this.parts = parts;
  }

  take(ask: Ask): void {
    const work = this.working.get(ask.id);
    switch (ask.type) {
      case "call":
        void this.work(ask.id, 0, async ({ abort }) => {
          this.send({ type: "result", id: ask.id, value: await this.call(ask, abort.signal) });
        });
        return;
      case "watch":
        void this.work(ask.id, ask.credit, async (watch) => {
          await this.watch(ask, watch);
          this.send({ type: "ended", id: ask.id });
        });
        return;
      case "more":
        if (work) work.credit += ask.credit;
        work?.wake?.();
        return;
      case "stop":
        stop(work);
    }
  }

  stopAll(): void {
    this.stopped = true;
    for (const work of this.working.values()) stop(work);
  }

  private async work(id: number, credit: number, run: (work: Work) => Promise<void>): Promise<void> {
    const work: Work = { abort: new AbortController(), credit, wake: undefined };
    this.working.set(id, work);
    try {
      await run(work);
    } catch (error) {
      // Who stopped it does not wait for an answer.
      if (!work.abort.signal.aborted) this.send({ type: "refused", id, status: statusOf(error) });
    } finally {
      this.working.delete(id);
    }
  }

  private async watch(ask: Ask & { readonly type: "watch" }, work: Work): Promise<void> {
    const { signal } = work.abort;
    // Holds because the other end sends what Client declares.
    const request = ask.request as WatchRequest;
    for await (const event of this.parts.client.watch(this.resource(ask.resource), request, signal)) {
      while (work.credit <= 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          work.wake = resolve;
        });
        work.wake = undefined;
      }
      signal.throwIfAborted();
      work.credit -= 1;
      this.send({ type: "event", id: ask.id, event });
    }
  }

  private async call(ask: Ask & { readonly type: "call" }, signal: AbortSignal): Promise<unknown> {
    const { client } = this.parts;
    const resource = this.resource(ask.resource);
    const [first, second, third] = ask.args;
    // All of these hold because the other end sends what Client declares.
    const key = first as ObjectKey;
    switch (ask.verb) {
      case "get":
        return client.get(resource, key, signal);
      case "list":
        return client.list(resource, first as ListRequest, signal);
      case "create":
        return client.create(resource, first as KubeObject, second as WriteOptions | undefined);
      case "update":
        return client.update(resource, first as KubeObject, second as WriteOptions | undefined);
      case "patch":
        return client.patch({ resource, key }, second as Patch, third as WriteOptions | undefined);
      case "delete":
        return client.delete(resource, key, second as DeleteRequest | undefined);
      case "deleteCollection":
        return client.deleteCollection(resource, first as ListRequest, second as DeleteRequest | undefined);
      case "post":
        return client.post({ resource, key, subresource: second as string }, third as JsonObject);
    }
  }

  private resource(name: ResourceName): ResourceDefinition {
    const found = this.parts.resourceOf(name);
    if (found) return found;
    const [group = "", version] = name.apiVersion.split("/");
    throw notFound({ group: version === undefined ? "" : group, resource: name.plural, name: "" });
  }

  private send(answer: Answer): void {
    if (this.stopped) return;
    try {
      this.port.postMessage(answer);
    } catch (error) {
      this.parts.log.error("answer not sent", { error: messageOf(error) });
    }
  }
}

function stop(work: Work | undefined): void {
  work?.abort.abort();
  work?.wake?.();
}
