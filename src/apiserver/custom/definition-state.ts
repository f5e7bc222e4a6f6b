/** Whether a custom resource may be created at this moment, by its definition as it is stored. */
import { untyped } from "#machinery/resource.ts";
import { StatusError } from "#machinery/status.ts";
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from "#resources/apiextensions/custom-resource-definition.ts";
import type { Core } from "../call.ts";
import type { Served } from "../registry.ts";

/** True once the names of a definition are accepted. */
export function isEstablished({ status }: CustomResourceDefinition): boolean {
  return status.conditions.some(({ type, status: value }) => type === "Established" && value === "True");
}

/**
 * What is served follows definitions a moment later; an object that is made in that moment would outlive its
 * definition. So every create looks at the definition itself, in the same turn in which it goes to the store.
 *
 * @throws StatusError 405 when the definition is being deleted, 404 when it is gone
 */
export function checkDefinition(core: Core, { custom, definition }: Served): void {
  if (!custom) return;
  const cache = core.registry.of(untyped(customResourceDefinitions))?.cache;
  const name = `${definition.plural}.${definition.group}`;
  // Holds because only definitions are stored there.
  const crd = cache?.get(cache.kind.storeKey({ namespace: "", name }))?.object as CustomResourceDefinition | undefined;
  if (crd?.metadata.deletionTimestamp !== undefined)
    throw new StatusError({
      code: 405,
      reason: "MethodNotAllowed",
      message: "create not allowed while custom resource definition is terminating",
      details: { group: definition.group, kind: definition.plural },
    });
  if (!crd || !isEstablished(crd))
    throw new StatusError({
      code: 404,
      reason: "NotFound",
      message: "the server could not find the requested resource",
      details: {},
    });
}
