/** Discovery in one piece: APIGroupDiscoveryList. */
import type { Registry, Served } from "../registry.ts";
import { describe, servedIn, versionsOf } from "./plain.ts";

/** @param root "api" for the core group, "apis" for the others. */
export function aggregatedOf(registry: Registry, root: string, version: "v2" | "v2beta1"): unknown {
  const items = [...versionsOf(registry)]
    .filter(([name]) => (name === "") === (root === "api"))
    .map(([name, versions]) => ({
      metadata: { ...(name === "" ? {} : { name }), creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each,
        resources: servedIn(registry, name, each).map(resource),
        freshness: "Current",
      })),
    }));
  return { kind: "APIGroupDiscoveryList", apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

function resource(served: Served): object {
  const { plural, group, version, kind, namespaced, singular, verbs, shortNames, categories } = served.definition;
  const subresources = [...served.subresources].map(([name, each]) => {
    const { verbs, ...responseKind } = describe(served, each);
    return { subresource: name, responseKind, verbs };
  });
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: [...verbs].sort(),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
