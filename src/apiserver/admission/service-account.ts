/**
 * Every pod runs as a service account that exists, and gets its token mounted unless it asked not to.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#serviceaccount
 */
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { Informer } from "#client/informer.ts";
import type { Draft } from "#machinery/meta.ts";
import { forbidden, isReason } from "#machinery/status.ts";
import type { Container } from "#resources/core/container.ts";
import type { Pod } from "#resources/core/pod.ts";
import { serviceAccounts, type ServiceAccount } from "#resources/core/service-account.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../access.ts";
import { isMirror, secretsOf } from "../pod-references.ts";
import { targetOf, writesPod } from "./target.ts";

const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
// Long enough that the kubelet's renewal at 80 % is rare, short enough that a stolen token ends; upstream's value.
const tokenSeconds = 3607;

export function serviceAccount(parts: {
  readonly informer: Informer<ServiceAccount>;
  readonly client: Client;
  readonly random: Random;
}): AdmissionPlugin {
  const find = async (namespace: string, name: string): Promise<ServiceAccount | undefined> => {
    const known = parts.informer.get({ namespace, name });
    if (known) return known;
    try {
      return await parts.client.get(serviceAccounts, { namespace, name });
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      throw error;
    }
  };
  return {
    name: "ServiceAccount",
    handles: (request) => writesPod(request, ["create"]),
    mutate: async (request, raw) => {
      // Holds because handles() lets only pods through.
      const pod = raw as unknown as Draft<Pod>;
      if (isMirror(pod)) return;
      if ((pod.spec.serviceAccountName ?? "") === "") pod.spec.serviceAccountName = "default";
      const name = pod.spec.serviceAccountName ?? "default";
      pod.spec.serviceAccount = name;
      const account = await find(request.key.namespace, name);
      if (!account) throw missing(request, name);
      if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)
        mountToken(pod, parts.random);
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0)
        pod.spec.imagePullSecrets = (account.imagePullSecrets ?? []).map((secret) => ({ ...secret }));
    },
    validate: async (request) => {
      // Holds because handles() lets only pods through.
      const pod = request.object as Pod;
      if (!isMirror(pod)) return;
      if ((pod.spec.serviceAccountName ?? "") !== "")
        throw forbidden(targetOf(request), "a mirror pod may not reference service accounts");
      if (secretsOf(pod).length > 0) throw forbidden(targetOf(request), "a mirror pod may not reference secrets");
      const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
      if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined))
        throw forbidden(targetOf(request), "a mirror pod may not use ServiceAccountToken volume projections");
    },
  };
}

function missing(request: AdmissionRequest, name: string): Error {
  const account = `${request.key.namespace}/${name}`;
  return forbidden(
    targetOf(request),
    `error looking up service account ${account}: serviceaccount ${JSON.stringify(name)} not found`,
  );
}

function mountToken(pod: Draft<Pod>, random: Random): void {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const needing = containers.filter(
    (container) => !(container.volumeMounts ?? []).some((mount) => mount.mountPath === mountPath),
  );
  if (needing.length === 0) return;
  const name = `kube-api-access-${random.suffix(5)}`;
  for (const container of needing) addMount(container, name);
  pod.spec.volumes = [...(pod.spec.volumes ?? []), tokenVolume(name)];
}

function addMount(container: Draft<Container>, name: string): void {
  container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
}

function tokenVolume(name: string): Draft<NonNullable<Pod["spec"]["volumes"]>[number]> {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}
