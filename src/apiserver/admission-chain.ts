/** The admission plugins in their order: all that mutate, then all that validate. */
import type { AdmissionPlugin, AdmissionRequest } from "./access.ts";

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

  /**
   * @returns Takes back what plugins took for this write; call it when the write was not made after all.
   * @throws StatusError of the plugin that refuses
   */
  async validate(request: AdmissionRequest): Promise<() => void> {
    const passed: AdmissionPlugin[] = [];
    const rollback = (): void => {
      for (const plugin of passed) plugin.rollback?.(request);
    };
    try {
      for (const plugin of this.plugins) {
        if (!plugin.validate || !plugin.handles(request)) continue;
        await plugin.validate(request);
        if (plugin.rollback) passed.push(plugin);
      }
    } catch (error) {
      rollback();
      throw error;
    }
    return rollback;
  }
}
