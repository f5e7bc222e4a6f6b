/**
 * Every namespace has the CA of the API server in a ConfigMap, so that its pods can verify it.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-token-volume
 */
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { create, update } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { isLiveNamespace, namespaceOf, ownKind, namespacesAlive, type NamespaceSeen } from "./watches.ts";

export interface RootCaObservation {
  readonly namespace: NamespaceSeen;
  readonly published: ConfigMap | undefined;
  readonly rootCa: string;
}

const configMapName = "kube-root-ca.crt";
const describe = {
  "kubernetes.io/description":
    "The certificate authority that pods verify the API server with, when they reach it by its internal addresses.",
};

/** @param rootCa PEM of the CA that signed the API server's certificate. */
export function rootCaPublisher(rootCa: string): Controller<RootCaObservation> {
  return {
    name: "root-ca-cert-publisher",
    watches: [ownKind(namespacesAlive), namespaceOf(configMaps, configMapName)],
    observe: ({ name }, caches) => {
      const namespace = caches.get(namespacesAlive, { namespace: "", name });
      if (!namespace) return undefined;
      return { namespace, published: caches.get(configMaps, { namespace: name, name: configMapName }), rootCa };
    },
    plan: planRootCa,
  };
}

/** Pure. */
export function planRootCa({ namespace, published, rootCa }: RootCaObservation): Plan {
  if (!isLiveNamespace(namespace)) return nothing;
  const data = { "ca.crt": rootCa };
  if (!published) {
    const metadata = { namespace: namespace.metadata.name, name: configMapName, annotations: describe };
    return { actions: [create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data })] };
  }
  if (published.data?.["ca.crt"] === rootCa && Object.keys(published.data).length === 1) return nothing;
  return { actions: [update(configMaps, { ...published, data })] };
}
