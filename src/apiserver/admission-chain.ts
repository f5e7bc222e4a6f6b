/** The admission plugins in their order: all that mutate, then all that validate. */
import type { AdmissionPlugin, AdmissionRequest, WriteAttempt } from "./access.ts";

export class AdmissionChain {
  // The caller's own array: it grows while the server starts, since plugins need clients, which need the server.
  private readonly plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.plugins = plugins;
  }

  /** Begins one try of a write, which must be ended whatever becomes of it. */
  attempt(call: { readonly signal: AbortSignal }): Admission {
    return new Admission(this.plugins, call);
  }
}

/** One try of a write on its way through the plugins. What they take for it lives as long as it does. */
export class Admission implements WriteAttempt {
  private readonly plugins: readonly AdmissionPlugin[];
  private readonly call: { readonly signal: AbortSignal };
  // Those that were asked and want to hear of the end.
  private asked: AdmissionPlugin[] | undefined;
  private writtenAt: string | undefined;

  constructor(plugins: readonly AdmissionPlugin[], call: { readonly signal: AbortSignal }) {
    this.plugins = plugins;
    this.call = call;
  }

  // On demand, since most writes never wait and a signal costs more than they do.
  get signal(): AbortSignal {
    return this.call.signal;
  }

  /** @throws StatusError of the plugin that refuses */
  async mutate(request: AdmissionRequest, draft: Record<string, unknown>): Promise<void> {
    for (const plugin of this.plugins) {
      if (!plugin.mutate || !plugin.handles(request)) continue;
      this.note(plugin);
      await plugin.mutate(request, draft, this);
    }
  }

  /** @throws StatusError of the plugin that refuses */
  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.plugins) {
      if (!plugin.validate || !plugin.handles(request)) continue;
      this.note(plugin);
      await plugin.validate(request, this);
    }
  }

  /** Says that the write was made: what plugins took for it is now in the object. */
  written(resourceVersion: string): void {
    this.writtenAt = resourceVersion;
  }

  /** Must be called once, when the write was made or never will be. A promise only when something is to wait for. */
  end(): Promise<unknown> | undefined {
    const waits = this.asked?.flatMap((plugin) => plugin.ended?.(this, this.writtenAt) ?? []) ?? [];
    this.asked = undefined;
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  private note(plugin: AdmissionPlugin): void {
    if (!plugin.ended || this.asked?.includes(plugin) === true) return;
    this.asked ??= [];
    this.asked.push(plugin);
  }
}
