/** The resources there are, which change while the server runs: custom ones come and go. */
import type { ResourceDefinition } from "#machinery/resource.ts";

export interface ResourceSource {
  /** Calls `handler` with all resources now and after every change, until the signal is aborted. */
  onChange(handler: (resources: readonly ResourceDefinition[]) => void, signal: AbortSignal): void;
  all(): readonly ResourceDefinition[];
  /** The resource of a kind as references name it: "apps/v1", "Deployment". Any served version of the group will do. */
  byKind(apiVersion: string, kind: string): ResourceDefinition | undefined;
}
