/**
 * Sees every call that reaches the API server, and its answer: what was acknowledged is in the log, and who reads
 * afterwards sees it. Also knows who asked for what and waits for the answer, which invariants ask.
 */
import type { Client, ObjectList, WriteOptions } from "#client/client.ts";
import { keyOf, keyText, type KubeObject, type ObjectKey } from "#machinery/meta.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import type { History } from "./history.ts";

export class Witness {
  private readonly history: History;
  private readonly violated: (invariant: string, found: string, about: string) => void;
  // The newest revision of each object that somebody was told of.
  private readonly acknowledged = new Map<string, number>();

  constructor(history: History, violated: (invariant: string, found: string, about: string) => void) {
    this.history = history;
    this.violated = violated;
  }

  /** The same client, watched. */
  of(client: Client): Client {
    const { history } = this;
    const seen: Partial<Client> = {
      create: async (resource, object, options) => {
        const answer = await client.create(resource, object, options);
        return this.written(resource, answer, options);
      },
      update: async (resource, object, options) =>
        this.written(resource, await client.update(resource, object, options), options),
      patch: async (target, body, options) =>
        this.written(target.resource, await client.patch(target, body, options), options),
      delete: async (resource, key, request) => {
        using _asked = history.asks(`delete ${resource.id} ${keyText(key)}`, client.name);
        return await client.delete(resource, key, request);
      },
      post: async (target, body) => {
        using _asked = history.asks(`${target.subresource} ${target.resource.id} ${keyText(target.key)}`, client.name);
        return await client.post(target, body);
      },
      get: (resource, key, signal) => this.read(resource, key, () => client.get(resource, key, signal)),
      list: async (resource, request, signal) => {
        const newest = this.newestOf(resource);
        const answer = await client.list(resource, request, signal);
        this.listed(resource, answer, newest);
        return answer;
      },
    };
    return new Proxy(client, {
      get: (target, name): unknown => {
        const value: unknown = Reflect.get(seen, name) ?? Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  private written<T extends KubeObject>({ id }: ResourceDefinition<T>, answer: T, options: WriteOptions = {}): T {
    const revision = Number(answer.metadata.resourceVersion);
    const about = `${id} ${keyText(keyOf(answer))}`;
    // What is only answered, such as a review, has no revision.
    if (options.dryRun === true || Number.isNaN(revision)) return answer;
    const change = this.history.at(revision);
    if (!change || `${change.resource} ${keyText(change.key)}` !== about)
      this.violated("what is acknowledged was written", `answered revision ${revision}, which is not its own`, about);
    this.acknowledged.set(about, Math.max(this.acknowledged.get(about) ?? 0, revision));
    this.acknowledged.set(id, Math.max(this.acknowledged.get(id) ?? 0, revision));
    return answer;
  }

  private newestOf({ id }: { readonly id: string }): number {
    return this.acknowledged.get(id) ?? 0;
  }

  private async read<T extends KubeObject>(
    { id }: ResourceDefinition<T>,
    key: ObjectKey,
    get: () => Promise<T>,
  ): Promise<T> {
    const about = `${id} ${keyText(key)}`;
    const newest = this.acknowledged.get(about) ?? 0;
    try {
      const answer = await get();
      const revision = Number(answer.metadata.resourceVersion);
      if (revision < newest)
        this.violated("who reads sees what was acknowledged", `read ${revision}, after ${newest} was answered`, about);
      return answer;
    } catch (error) {
      const change = this.history.at(newest);
      // Another object of that name may have come after it was deleted; then it has a newer change.
      if (isReason(error, "NotFound") && change && this.history.newest(id, key) === change)
        this.violated("who reads sees what was acknowledged", `not found, after ${newest} was answered`, about);
      throw error;
    }
  }

  private listed<T extends KubeObject>(
    { id }: ResourceDefinition<T>,
    { metadata, items }: ObjectList<T>,
    newest: number,
  ): void {
    const revision = Number(metadata.resourceVersion);
    if (revision < newest)
      this.violated("who reads sees what was acknowledged", `listed at ${revision}, after ${newest} was answered`, id);
    const ahead = items.find((one) => Number(one.metadata.resourceVersion) > revision);
    if (ahead) this.violated("a list is of one revision", `${ahead.metadata.name} is newer than ${revision}`, id);
  }
}
