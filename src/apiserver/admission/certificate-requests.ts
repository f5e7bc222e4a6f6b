/**
 * Certificate signing requests: who asked is what the server saw, who approves or signs may do so for this signer, and
 * nobody asks for a certificate of the masters' group.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
import { fromBase64, textOf } from "#base/bytes.ts";
import { deepEqual } from "#machinery/equal.ts";
import { forbidden } from "#machinery/status.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestSpec,
} from "#resources/certificates/certificate-signing-request.ts";
import { readRequest } from "#wire/x509.ts";
import { superusers, type AdmissionPlugin, type AdmissionRequest, type Authorizer, type User } from "../access.ts";
import { targetOf } from "./target.ts";

const group = "certificates.k8s.io";
const clientSigner = "kubernetes.io/kube-apiserver-client";
export const kubeletClientSigner = "kubernetes.io/kube-apiserver-client-kubelet";
export const kubeletServingSigner = "kubernetes.io/kubelet-serving";

/** The request itself, in PEM. */
export function requestOf({ request }: CertificateSigningRequestSpec): string {
  return textOf(fromBase64(request));
}

export function certificateRequests(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: "CertificateRequests",
    handles: ({ resource, operation }) =>
      resource.id === `certificatesigningrequests.${group}` && (operation === "create" || operation === "update"),
    mutate: async (request, draft) => {
      if (request.subresource !== "") return;
      if (request.operation === "create") {
        // Holds because decoding made an object of it.
        Object.assign(draft["spec"] as object, askedBy(request.user));
        return;
      }
      // Differs by subresource only: what was asked for stays.
      draft["spec"] = structuredClone((request.old as CertificateSigningRequest).spec);
    },
    validate: async (request) => {
      // Both hold because only signing requests get here.
      const { spec, status } = request.object as CertificateSigningRequest;
      const old = request.old as CertificateSigningRequest | undefined;
      if (!old) return checkGroups(request, spec);
      const { signerName } = old.spec;
      const may = (verb: "approve" | "sign"): boolean =>
        mayActFor(authorizer, { user: request.user, verb, signerName });
      if (request.subresource === "approval" && !may("approve"))
        throw forbidden(targetOf(request), `user not permitted to approve requests with signerName "${signerName}"`);
      if (request.subresource !== "status") return undefined;
      const isAsBefore =
        deepEqual(old.status.certificate, status.certificate) &&
        deepEqual(old.status.conditions ?? [], status.conditions ?? []);
      if (!isAsBefore && !may("sign"))
        throw forbidden(targetOf(request), `user not permitted to sign requests with signerName "${signerName}"`);
      return undefined;
    },
  };
}

/** Every member is named, so that what a client wrote there is gone. */
function askedBy({ name, uid, groups, extra = {} }: User): object {
  return {
    username: name,
    uid,
    groups: [...groups],
    extra: Object.keys(extra).length === 0 ? undefined : structuredClone(extra),
  };
}

function checkGroups(request: AdmissionRequest, spec: CertificateSigningRequestSpec): void {
  if (spec.signerName !== clientSigner) return;
  let organizations: readonly string[];
  try {
    ({ organizations } = readRequest(requestOf(spec)).subject);
  } catch {
    throw forbidden(targetOf(request), "failed to parse CSR: expected one certificate request in PEM");
  }
  if (organizations.includes(superusers))
    throw forbidden(targetOf(request), `use of ${clientSigner} signer with ${superusers} group is not allowed`);
}

interface Acting {
  readonly user: User;
  readonly verb: "approve" | "sign";
  readonly signerName: string;
}

/** True for who may act for this signer, or for all signers of its domain. */
function mayActFor(authorizer: Authorizer, { user, verb, signerName }: Acting): boolean {
  const [domain = ""] = signerName.split("/");
  return [signerName, `${domain}/*`].some(
    (name) =>
      authorizer.authorize({
        kind: "resource",
        user,
        verb,
        group,
        version: "*",
        resource: "signers",
        subresource: "",
        namespace: "",
        name,
        fieldSelector: "",
        labelSelector: "",
      }).kind === "allowed",
  );
}
