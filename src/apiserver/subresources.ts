/** Which subresources each kind has, as upstream has them. */
import { own } from "#base/own.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { tokenRequests } from "#resources/authentication/token-request.ts";
import { untyped } from "#machinery/resource.ts";
import { unavailable } from "#machinery/status.ts";
import type { PostHooks } from "./server.ts";
import { binding } from "./subresources/binding.ts";
import { eviction } from "./subresources/eviction.ts";
import {
  approvalPart,
  customStatusPart,
  ephemeralContainersPart,
  finalizePart,
  podStatusPart,
  requestStatusPart,
  resizePart,
  statusPart,
} from "./subresources/parts.ts";
import type { ConnectSubresource, PartSubresource, PostSubresource, Subresource } from "./subresource.ts";

const proxyVerbs = ["create", "delete", "get", "patch", "update"] as const;

function proxy(optionsKind: string): ConnectSubresource {
  return { kind: "connect", verbs: proxyVerbs, optionsKind };
}

function stream(optionsKind: string): ConnectSubresource {
  return { kind: "connect", verbs: ["create", "get"], optionsKind };
}

const special: Readonly<Record<string, Readonly<Record<string, Subresource>>>> = {
  pods: {
    attach: stream("PodAttachOptions"),
    binding,
    ephemeralcontainers: ephemeralContainersPart,
    eviction,
    exec: stream("PodExecOptions"),
    log: { kind: "connect", verbs: ["get"], optionsKind: "Pod" },
    portforward: stream("PodPortForwardOptions"),
    proxy: proxy("PodProxyOptions"),
    resize: resizePart,
  },
  services: { proxy: proxy("ServiceProxyOptions") },
  nodes: { proxy: proxy("NodeProxyOptions") },
  namespaces: { finalize: finalizePart },
  "certificatesigningrequests.certificates.k8s.io": { approval: approvalPart },
};

const specialStatus: Readonly<Record<string, PartSubresource>> = {
  pods: podStatusPart,
  "certificatesigningrequests.certificates.k8s.io": requestStatusPart,
};

function tokenSubresource(hooks: PostHooks): PostSubresource {
  return {
    kind: "post",
    body: untyped(tokenRequests),
    // Looked up when it is asked for: the server is put together after its resources.
    run: async (_, call, object) => {
      const issue = hooks["serviceaccounts/token"];
      if (!issue) throw unavailable("expected a signer of service account tokens, found none: the server is starting");
      return issue(call, object);
    },
  };
}

export interface SubresourceOptions {
  readonly custom: boolean;
  /** What the owner of the server answers, by "serviceaccounts/token". */
  readonly hooks: PostHooks;
}

export function subresourcesOf(
  definition: ResourceDefinition,
  { custom, hooks }: SubresourceOptions,
): ReadonlyMap<string, Subresource> {
  const { id } = definition;
  const made = new Map<string, Subresource>(Object.entries(own(special, id) ?? {}));
  if (definition.status) made.set("status", own(specialStatus, id) ?? (custom ? customStatusPart : statusPart(id)));
  if (definition.scale) made.set("scale", { kind: "scale" });
  if (id === "serviceaccounts") made.set("token", tokenSubresource(hooks));
  return new Map([...made].sort(([a], [b]) => (a < b ? -1 : 1)));
}
