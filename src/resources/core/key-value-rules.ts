/** Rules of config maps and secrets. */
import { fromBase64 } from "#base/bytes.ts";
import { own } from "#base/own.ts";
import { at, forbidden, invalid, required, tooLong, type FieldError } from "#machinery/field-error.ts";
import { deepEqual } from "#machinery/equal.ts";
import { configKey } from "#machinery/names.ts";
import { checked, checkImmutable } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import type { ConfigMap } from "./config-map.ts";
import type { Secret } from "./secret.ts";

const bytesMax = 1024 * 1024;

/** The length of base64 text once decoded. */
function decodedBytes(text: string): number {
  return Buffer.byteLength(text, "base64");
}

function checkKeys(path: string, data: Readonly<Record<string, string>>): FieldError[] {
  return Object.keys(data).flatMap((key) => checked(at(path, key), key, configKey));
}

interface Sealed {
  readonly immutable?: boolean | undefined;
  readonly data?: unknown;
  readonly binaryData?: unknown;
}

/** Who says that data is immutable says it for good. */
function checkSealed(now: Sealed, old: Sealed | undefined): FieldError[] {
  if (old?.immutable !== true) return [];
  const why = "field is immutable when `immutable` is set";
  const errors = now.immutable === true ? [] : [forbidden("immutable", why)];
  for (const name of ["data", "binaryData"] as const)
    if (!deepEqual(now[name] ?? {}, old[name] ?? {})) errors.push(forbidden(name, why));
  return errors;
}

export function checkConfigMap(config: ConfigMap, { old }: CheckContext<ConfigMap>): readonly FieldError[] {
  const { data = {}, binaryData = {} } = config;
  const errors = [
    ...checkSealed(config, old),
    ...checkKeys("data", data),
    ...checkKeys("binaryData", binaryData),
    ...Object.keys(data)
      .filter((key) => own(binaryData, key) !== undefined)
      .map((key) => invalid(at("data", key), key, "duplicate of key present in binaryData")),
  ];
  let sizeBytes = 0;
  for (const text of Object.values(data)) sizeBytes += Buffer.byteLength(text);
  for (const text of Object.values(binaryData)) sizeBytes += decodedBytes(text);
  return sizeBytes > bytesMax ? [...errors, tooLong("", bytesMax)] : errors;
}

function checkDocker(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const text = own(data, key);
  if (text === undefined) return [required(at("data", key))];
  try {
    const value: unknown = JSON.parse(Buffer.from(fromBase64(text)).toString());
    if (typeof value === "object" && !Array.isArray(value)) return [];
    return [invalid(at("data", key), "<secret contents redacted>", "expected a JSON object")];
  } catch (thrown) {
    const why = thrown instanceof SyntaxError ? "expected a JSON object" : String(thrown);
    return [invalid(at("data", key), "<secret contents redacted>", why)];
  }
}

const accountMark = "kubernetes.io/service-account.name";

/** What a secret of a known type must hold. */
function checkType({ type, metadata, data = {} }: Secret): FieldError[] {
  const needed = (...keys: readonly string[]): FieldError[] =>
    keys.filter((key) => own(data, key) === undefined).map((key) => required(at("data", key)));
  switch (type ?? "Opaque") {
    case "kubernetes.io/service-account-token":
      return metadata.annotations?.[accountMark] ? [] : [required(at("metadata.annotations", accountMark))];
    case "kubernetes.io/dockercfg":
      return checkDocker(data, ".dockercfg");
    case "kubernetes.io/dockerconfigjson":
      return checkDocker(data, ".dockerconfigjson");
    case "kubernetes.io/basic-auth": {
      const missing = needed("username", "password");
      return missing.length === 2 ? missing : [];
    }
    case "kubernetes.io/ssh-auth":
      return data["ssh-privatekey"] ? [] : [required(at("data", "ssh-privatekey"))];
    case "kubernetes.io/tls":
      return needed("tls.crt", "tls.key");
    default:
      return [];
  }
}

export function checkSecret(secret: Secret, { old }: CheckContext<Secret>): readonly FieldError[] {
  const { data = {} } = secret;
  let sizeBytes = 0;
  for (const text of Object.values(data)) sizeBytes += decodedBytes(text);
  return [
    ...(old ? checkImmutable("type", secret.type, old.type) : []),
    ...checkSealed(secret, old),
    ...checkKeys("data", data),
    ...(sizeBytes > bytesMax ? [tooLong("data", bytesMax)] : []),
    ...checkType(secret),
  ];
}
