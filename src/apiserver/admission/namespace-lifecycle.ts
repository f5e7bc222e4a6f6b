/**
 * Nothing is created in a namespace that does not exist or is ending, and the namespaces the system needs stay.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle
 */
import type { Client } from "#client/client.ts";
import type { Informer } from "#client/informer.ts";
import { forbidden, isReason, StatusError } from "#machinery/status.ts";
import { namespaces, type Namespace } from "#resources/core/namespace.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { targetOf } from "./target.ts";

const immortal = new Set(["default", "kube-system", "kube-public"]);
// These are asked for by whoever cannot know whether the namespace is ending.
const reviews = new Set(["localsubjectaccessreviews"]);

export type NamespaceSource = (name: string) => Promise<Namespace | undefined>;

export function namespaceSource(parts: {
  readonly informer: Informer<Namespace>;
  readonly client: Client;
}): NamespaceSource {
  return async (name) => {
    const known = parts.informer.get({ namespace: "", name });
    if (known) return known;
    // The namespace may have been created a moment ago: ask the API itself before refusing.
    try {
      return await parts.client.get(namespaces, { namespace: "", name });
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  };
}

export function namespaceLifecycle(find: NamespaceSource): AdmissionPlugin {
  return {
    name: "NamespaceLifecycle",
    handles: (request) =>
      (request.operation === "delete" && request.resource.id === "namespaces") ||
      (request.operation !== "delete" && request.key.namespace !== "" && !reviews.has(request.resource.plural)),
    validate: async (request) => {
      if (request.operation === "delete") {
        if (request.subresource === "" && immortal.has(request.key.name))
          throw forbidden(targetOf(request), "this namespace may not be deleted");
        return;
      }
      const namespace = await find(request.key.namespace);
      if (!namespace) throw missing(request.key.namespace);
      if (request.operation === "create" && namespace.status.phase === "Terminating") throw ending(request);
    },
  };
}

function missing(name: string): StatusError {
  return new StatusError({
    code: 404,
    reason: "NotFound",
    message: `namespaces ${JSON.stringify(name)} not found`,
    details: { name, kind: "namespaces" },
  });
}

function ending(request: AdmissionRequest): StatusError {
  const { namespace } = request.key;
  const refusal = forbidden(
    targetOf(request),
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  return new StatusError({
    code: refusal.code,
    reason: refusal.reason,
    message: refusal.message,
    details: {
      ...refusal.details,
      causes: [
        {
          reason: "NamespaceTerminating",
          message: `namespace ${namespace} is being terminated`,
          field: "metadata.namespace",
        },
      ],
    },
  });
}
