/**
 * Serves what CustomResourceDefinitions declare, from the moment their names are accepted until they are gone.
 *
 * @see https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/
 */
import type { InformerFactory } from "#client/informer.ts";
import { deepEqual } from "#machinery/equal.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import {
  customResourceDefinitions,
  type CustomResourceDefinition,
} from "#resources/apiextensions/custom-resource-definition.ts";
import { isEstablished } from "./custom/definition-state.ts";
import { definitionsOf, servedVersions } from "./custom/definitions.ts";
import type { ApiServer } from "./server.ts";

export { removeLeftovers } from "./custom/leftovers.ts";

interface Declared {
  readonly crd: CustomResourceDefinition;
  readonly definitions: readonly ResourceDefinition[];
}

/** Follows the definitions until the signal is aborted. Resolves when those that are there are served. */
export function serveCustomResources(
  server: ApiServer,
  informers: InformerFactory,
  signal: AbortSignal,
): Promise<void> {
  const served = new Map<string, Declared>();
  const informer = informers.informer(customResourceDefinitions);
  informer.onChange(({ type, object: crd }) => {
    const name = crd.metadata.name ?? "";
    const before = served.get(name);
    const serves = type !== "deleted" && isEstablished(crd);
    if (before && serves && declareTheSame(before.crd, crd)) return;
    const definitions = serves && !isBuiltIn(server, crd) ? definitionsOf(crd) : [];
    for (const definition of definitions) server.addResource(definition);
    for (const gone of before?.definitions ?? [])
      if (!definitions.some(({ version }) => version === gone.version)) server.removeResource(gone);
    if (serves) served.set(name, { crd, definitions });
    else served.delete(name);
  }, signal);
  return informer.whenSynced(signal);
}

/** A definition cannot take the place of what is part of the server. */
function isBuiltIn({ server }: ApiServer, { spec }: CustomResourceDefinition): boolean {
  for (const { definition, custom } of server.registry.all())
    if (!custom && definition.group === spec.group && definition.plural === spec.names.plural) return true;
  return false;
}

function declareTheSame(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    deepEqual(a.spec, b.spec) &&
    deepEqual(a.status.acceptedNames, b.status.acceptedNames) &&
    servedVersions(a).length === servedVersions(b).length
  );
}
