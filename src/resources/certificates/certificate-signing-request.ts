/** CertificateSigningRequest of certificates.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import {
  bytes,
  enumShape,
  int32,
  list,
  listMap,
  listOf,
  map,
  object,
  of,
  str,
  string,
  time,
  type Infer,
} from "#machinery/shape.ts";
import { humanDuration } from "#machinery/ages.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { orNone } from "../column-texts.ts";
import { checkSigningRequest } from "./signing-request-rules.ts";

export const certificateSigningRequestSpecShape = object("api.certificates.v1.CertificateSigningRequestSpec", {
  request: bytes(1).always(),
  signerName: string(7).always(),
  expirationSeconds: int32(8),
  usages: list(
    5,
    enumShape([
      "signing",
      "digital signature",
      "content commitment",
      "key encipherment",
      "key agreement",
      "data encipherment",
      "cert sign",
      "crl sign",
      "encipher only",
      "decipher only",
      "any",
      "server auth",
      "client auth",
      "code signing",
      "email protection",
      "s/mime",
      "ipsec end system",
      "ipsec tunnel",
      "ipsec user",
      "timestamping",
      "ocsp signing",
      "microsoft sgc",
      "netscape sgc",
    ]),
  ),
  username: string(2),
  uid: string(3),
  groups: list(4, str),
  extra: map(6, listOf(str)),
});
export interface CertificateSigningRequestSpec extends Infer<typeof certificateSigningRequestSpecShape> {}

export const certificateSigningRequestConditionShape = object(
  "api.certificates.v1.CertificateSigningRequestCondition",
  {
    type: string(1).always(),
    status: string(6).always(),
    reason: string(2),
    message: string(3),
    lastUpdateTime: time(4),
    lastTransitionTime: time(5),
  },
);
export interface CertificateSigningRequestCondition extends Infer<typeof certificateSigningRequestConditionShape> {}

export const certificateSigningRequestStatusShape = object("api.certificates.v1.CertificateSigningRequestStatus", {
  conditions: listMap(1, ["type"], certificateSigningRequestConditionShape),
  certificate: bytes(2),
});
export interface CertificateSigningRequestStatus extends Infer<typeof certificateSigningRequestStatusShape> {}

export const certificateSigningRequestShape = kind("api.certificates.v1.CertificateSigningRequest", {
  spec: of(2, certificateSigningRequestSpecShape).always(),
  status: of(3, certificateSigningRequestStatusShape).always().unlisted(),
});
export interface CertificateSigningRequest extends Infer<typeof certificateSigningRequestShape> {}

function stateText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => status.conditions?.some((one) => one.type === type) ?? false;
  const decision = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return `${decision}${has("Failed") ? ",Failed" : ""}${status.certificate ? ",Issued" : ""}`;
}

export const certificateSigningRequests = resource<CertificateSigningRequest>({
  group: "certificates.k8s.io",
  version: "v1",
  kind: "CertificateSigningRequest",
  plural: "certificatesigningrequests",
  shortNames: ["csr"],
  namespaced: false,
  shape: certificateSigningRequestShape,
  columns: [
    nameColumn,
    ageColumn,
    text("SignerName", (one) => orNone(one.spec.signerName)),
    text("Requestor", (one) => one.spec.username ?? ""),
    text("RequestedDuration", ({ spec }) =>
      spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds * 1000),
    ),
    text("Condition", stateText),
  ],
  generationFields: [],
  selectableFields: {
    "spec.signerName": ({ spec }) => spec.signerName,
  },
  check: checkSigningRequest,
});
