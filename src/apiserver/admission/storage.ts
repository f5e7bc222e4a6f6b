/**
 * Claims get the default storage class, may only grow where the class allows it, and volumes and claims in use are
 * protected from deletion by a finalizer.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#defaultstorageclass
 */
import { own } from "#base/own.ts";
import type { Informer } from "#client/informer.ts";
import type { Draft } from "#machinery/meta.ts";
import { forbidden } from "#machinery/status.ts";
import type { PersistentVolumeClaim } from "#resources/core/persistent-volume-claim.ts";
import type { StorageClass } from "#resources/storage/storage-class.ts";
import type { IngressClass } from "#resources/networking/ingress-class.ts";
import type { Ingress } from "#resources/networking/ingress.ts";
import type { AdmissionPlugin } from "../access.ts";
import { targetOf } from "./target.ts";

const defaultStorageAnnotation = "storageclass.kubernetes.io/is-default-class";
const betaClassAnnotation = "volume.beta.kubernetes.io/storage-class";
const defaultIngressAnnotation = "ingressclass.kubernetes.io/is-default-class";

/** The class marked as default; of several, the newest, then the first by name. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | undefined {
  return classes
    .filter((one) => one.metadata.annotations?.[defaultStorageAnnotation] === "true")
    .toSorted(
      (a, b) =>
        (b.metadata.creationTimestamp ?? "").localeCompare(a.metadata.creationTimestamp ?? "") ||
        (a.metadata.name ?? "").localeCompare(b.metadata.name ?? ""),
    )[0];
}

export function storageClassDefault(classes: Informer<StorageClass>): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    handles: (request) =>
      request.resource.id === "persistentvolumeclaims" && request.operation === "create" && request.subresource === "",
    mutate: async (_, raw) => {
      // Holds because handles() lets only claims through.
      const claim = raw as unknown as Draft<PersistentVolumeClaim>;
      if (claim.spec.storageClassName !== undefined) return;
      if (claim.metadata.annotations?.[betaClassAnnotation] !== undefined) return;
      const found = defaultStorageClass(classes.list());
      if (found?.metadata.name !== undefined) claim.spec.storageClassName = found.metadata.name;
    },
  };
}

const protection: Readonly<Record<string, string>> = {
  persistentvolumes: "kubernetes.io/pv-protection",
  persistentvolumeclaims: "kubernetes.io/pvc-protection",
};

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  handles: (request) =>
    Object.hasOwn(protection, request.resource.id) && request.operation === "create" && request.subresource === "",
  mutate: async (request, raw) => {
    // Every object has metadata.
    const metadata = raw["metadata"] as { finalizers?: string[] };
    const finalizer = own(protection, request.resource.id) ?? "";
    if (!(metadata.finalizers ?? []).includes(finalizer))
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};

export function claimResize(classes: Informer<StorageClass>): AdmissionPlugin {
  return {
    name: "PersistentVolumeClaimResize",
    handles: (request) =>
      request.resource.id === "persistentvolumeclaims" && request.operation === "update" && request.subresource === "",
    validate: async (request) => {
      // Holds because handles() lets only claims through.
      const claim = request.object as unknown as PersistentVolumeClaim;
      const old = request.old as unknown as PersistentVolumeClaim;
      const asked = claim.spec.resources.requests?.["storage"];
      if (asked === old.spec.resources.requests?.["storage"]) return;
      if (old.status.phase !== "Bound")
        throw forbidden(targetOf(request), "Only bound persistent volume claims can be expanded");
      const found = classes.get({ namespace: "", name: claim.spec.storageClassName ?? "" });
      if (found?.allowVolumeExpansion !== true)
        throw forbidden(
          targetOf(request),
          "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
        );
    },
  };
}

export function ingressClassDefault(classes: Informer<IngressClass>): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    handles: (request) =>
      request.resource.plural === "ingresses" && request.operation === "create" && request.subresource === "",
    mutate: async (request, raw) => {
      // Holds because handles() lets only ingresses through.
      const ingress = raw as unknown as Draft<Ingress>;
      const annotated = ingress.metadata.annotations?.["kubernetes.io/ingress.class"] !== undefined;
      if (annotated || ingress.spec.ingressClassName !== undefined) return;
      const defaults = classes.list().filter((one) => one.metadata.annotations?.[defaultIngressAnnotation] === "true");
      if (defaults.length > 1)
        throw forbidden(targetOf(request), `${defaults.length} default IngressClasses were found, only 1 allowed`);
      const name = defaults[0]?.metadata.name;
      if (name !== undefined) ingress.spec.ingressClassName = name;
    },
  };
}
