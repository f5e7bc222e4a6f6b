/**
 * What a certificate signing request must be, and what stays of it: what was decided is not undone, and a certificate
 * that was issued is not exchanged.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
import { deepEqual } from "#machinery/equal.ts";
import {
  at,
  child,
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from "#machinery/field-error.ts";
import { dnsLabel, dnsSubdomain, type NameCheck } from "#machinery/names.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { CertificateSigningRequest, CertificateSigningRequestSpec } from "./certificate-signing-request.ts";

const lifeSecondsMin = 600;
const domainLengthMax = 253;
// A domain, and a path that holds a name and a namespace.
const signerLengthMax = domainLengthMax + 1 + domainLengthMax + 1 + 63;

export function checkSigningRequest(
  { spec, status }: CertificateSigningRequest,
  { old, subresource }: CheckContext<CertificateSigningRequest>,
): readonly FieldError[] {
  const conditions = [...checkConditions(status), ...(old ? checkRemoved(status, old.status) : [])];
  if (subresource !== "") return [...conditions, ...(old ? checkCertificate(status, old.status) : [])];
  if (!old) return [...checkSpec(spec), ...conditions];
  return deepEqual(old.spec, spec) ? [] : [invalid("spec", spec, "field is immutable")];
}

function checkSpec(spec: CertificateSigningRequestSpec): FieldError[] {
  const { request, signerName, expirationSeconds: seconds, usages } = spec;
  const errors: FieldError[] = [];
  const pem = Buffer.from(request, "base64").toString("latin1");
  if (!/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.test(pem))
    errors.push(invalid("spec.request", request, "PEM block type must be CERTIFICATE REQUEST"));
  if (!usages || usages.length === 0) errors.push(required("spec.usages"));
  const seen = new Set<string>();
  for (const [index, usage] of (usages ?? []).entries()) {
    if (seen.has(usage)) errors.push(duplicate(at("spec.usages", index), usage));
    seen.add(usage);
  }
  errors.push(...checkSigner("spec.signerName", signerName));
  if (seconds !== undefined && seconds < lifeSecondsMin)
    errors.push(
      invalid(
        "spec.expirationSeconds",
        seconds,
        `may not specify a duration less than ${lifeSecondsMin} seconds (10 minutes)`,
      ),
    );
  return errors;
}

/** A domain with a dot in it, and a path below it. */
function checkSigner(path: string, name: string): FieldError[] {
  if (name === "") return [required(path)];
  if (name === "kubernetes.io/legacy-unknown")
    return [invalid(path, name, "the legacy signerName is not allowed via this API version")];
  const [domain = "", below = "", ...more] = name.split("/");
  if (!name.includes("/") || more.length > 0)
    return [invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  const errors = domain.length > domainLengthMax ? [tooLong(path, domainLengthMax)] : [];
  errors.push(...checkParts(path, domain, dnsLabel));
  if (!domain.includes("."))
    errors.push(invalid(path, domain, "should be a domain with at least two segments separated by dots"));
  errors.push(...checkParts(path, below, dnsSubdomain));
  if (name.length > signerLengthMax) errors.push(tooLong(path, signerLengthMax));
  return errors;
}

/** What is wrong with the first part between dots that is wrong. */
function checkParts(path: string, text: string, check: NameCheck): FieldError[] {
  const part = text.split(".").find((one) => check(one).length > 0);
  if (part === undefined) return [];
  return check(part).map((why) => invalid(path, text, `validating label ${JSON.stringify(part)}: ${why}`));
}

type Status = CertificateSigningRequest["status"];

const conditionsPath = "status.conditions";
const kept = ["Approved", "Denied", "Failed"];

function checkConditions({ conditions = [] }: Status): FieldError[] {
  const types = conditions.map(({ type }) => type);
  const seen = new Set<string>();
  const errors = each(conditionsPath, conditions, (where, { type, status }) => {
    const found: FieldError[] = [];
    if (type === "") found.push(required(child(where, "type")));
    if (status === "") found.push(required(child(where, "status")));
    if (kept.includes(type) && status !== "" && status !== "True")
      found.push(notSupported(child(where, "status"), status, ["True"]));
    if (type !== "" && seen.has(type)) found.push(duplicate(child(where, "type"), type));
    seen.add(type);
    return found;
  });
  if (types.includes("Approved") && types.includes("Denied"))
    errors.push(invalid(conditionsPath, "Denied", "Approved and Denied conditions are mutually exclusive"));
  return errors;
}

function checkRemoved(now: Status, old: Status): FieldError[] {
  const has = ({ conditions = [] }: Status, wanted: string): boolean => conditions.some(({ type }) => type === wanted);
  return kept
    .filter((type) => has(old, type) && !has(now, type))
    .map((type) => forbidden(conditionsPath, `updates may not remove a condition of type "${type}"`));
}

function checkCertificate({ certificate = "" }: Status, { certificate: old = "" }: Status): FieldError[] {
  if (certificate === old) return [];
  const path = "status.certificate";
  if (old !== "") return [forbidden(path, "updates may not modify existing certificate content")];
  const pem = Buffer.from(certificate, "base64").toString("latin1");
  return pem.includes("-----BEGIN CERTIFICATE-----")
    ? []
    : [invalid(path, "<certificate data>", "must contain at least one CERTIFICATE PEM block")];
}
