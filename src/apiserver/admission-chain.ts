/** The admission plugins in their order: all that mutate, then all that validate. */
import type { AdmissionPlugin, AdmissionRequest, Companion } from "./access.ts";

const none: readonly Companion[] = [];

export class AdmissionChain {
  // The caller's own array: it grows while the server starts, since plugins need clients, which need the server.
  private readonly plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.plugins = plugins;
  }

  /** @throws StatusError of the plugin that refuses */
  async mutate(request: AdmissionRequest, draft: Record<string, unknown>): Promise<void> {
    for (const plugin of this.plugins)
      if (plugin.mutate && plugin.handles(request)) await plugin.mutate(request, draft);
  }

  /** @throws StatusError of the plugin that refuses */
  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.plugins) if (plugin.validate && plugin.handles(request)) await plugin.validate(request);
  }

  /** All that changes together with the object. */
  async companions(request: AdmissionRequest): Promise<readonly Companion[]> {
    let found = none;
    for (const plugin of this.plugins) {
      if (!plugin.companions || !plugin.handles(request)) continue;
      const more = await plugin.companions(request);
      if (more.length > 0) found = [...found, ...more];
    }
    return found;
  }

  /** Tells that the write was stored. */
  stored(request: AdmissionRequest): void {
    for (const plugin of this.plugins) if (plugin.stored && plugin.handles(request)) plugin.stored(request);
  }
}
