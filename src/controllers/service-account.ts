/**
 * Every namespace has a service account "default".
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-controller
 */
import type { ObjectKey } from "#machinery/meta.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import { create } from "./actions.ts";
import { nothing, type Controller, type Plan } from "./controller.ts";
import { isLiveNamespace, namespaceOf, ownKind, namespacesAlive, type NamespaceSeen } from "./watches.ts";

export interface ServiceAccountObservation {
  readonly namespace: NamespaceSeen;
  readonly exists: boolean;
}

const accountName = "default";

export const serviceAccountController: Controller<ServiceAccountObservation> = {
  name: "service-account-controller",
  watches: [ownKind(namespacesAlive), namespaceOf(serviceAccounts, accountName)],
  observe: ({ name }: ObjectKey, caches) => {
    const namespace = caches.get(namespacesAlive, { namespace: "", name });
    if (!namespace) return undefined;
    return { namespace, exists: caches.get(serviceAccounts, { namespace: name, name: accountName }) !== undefined };
  },
  plan: planServiceAccount,
};

/** Pure. */
export function planServiceAccount({ namespace, exists }: ServiceAccountObservation): Plan {
  if (exists || !isLiveNamespace(namespace)) return nothing;
  return {
    actions: [
      create(serviceAccounts, {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { namespace: namespace.metadata.name, name: accountName },
      }),
    ],
  };
}
