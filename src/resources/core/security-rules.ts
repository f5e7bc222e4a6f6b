/** Rules of the security settings of pods and containers. */
import { at, child, forbidden, invalid, required, duplicate, type FieldError } from "#machinery/field-error.ts";
import { userId } from "#machinery/names.ts";
import type { PodSpec } from "./pod-spec.ts";
import { checkDescendingPath } from "./path-rules.ts";
import type { AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext } from "./security.ts";

const sysctlBytesMax = 253;
const sysctl = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
// As upstream shows it.
const sysctlText = String.raw`^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`;

function checkUserId(path: string, id: number | undefined): FieldError[] {
  return id === undefined ? [] : userId(id).map((problem) => invalid(path, id, problem));
}

function checkSeccomp(path: string, profile: SeccompProfile | undefined): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const local = child(path, "localhostProfile");
  if (type === ("" as string)) return [required(child(path, "type"), "type is required when seccompProfile is set")];
  if (type !== "Localhost")
    return localhostProfile === undefined
      ? []
      : [invalid(local, profile, "can only be set when seccomp type is Localhost")];
  if (localhostProfile === undefined) return [required(local, "must be set when seccomp type is Localhost")];
  return checkDescendingPath(local, localhostProfile);
}

function checkAppArmor(path: string, profile: AppArmorProfile | undefined): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const local = child(path, "localhostProfile");
  if (type === ("" as string)) return [required(child(path, "type"), "type is required when appArmorProfile is set")];
  if (type !== "Localhost")
    return localhostProfile === undefined
      ? []
      : [invalid(local, localhostProfile, "can only be set when AppArmor type is Localhost")];
  if (localhostProfile === undefined || localhostProfile === "")
    return [required(local, "must be set when AppArmor type is Localhost")];
  return localhostProfile === localhostProfile.trim()
    ? []
    : [invalid(local, localhostProfile, "must not be padded with whitespace")];
}

function checkSysctls(path: string, { sysctls = [] }: PodSecurityContext, spec: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { name }] of sysctls.entries()) {
    const where = child(at(path, index), "name");
    const dotted = name.replaceAll("/", ".");
    if (name === "") errors.push(required(where));
    else if (name.length > sysctlBytesMax || !sysctl.test(name))
      errors.push(invalid(where, name, `must have at most ${sysctlBytesMax} characters and match regex ${sysctlText}`));
    else if (seen.has(name)) errors.push(duplicate(where, name));
    if (spec.hostNetwork === true && dotted.startsWith("net."))
      errors.push(invalid(where, name, "may not be specified when 'hostNetwork' is true"));
    if (spec.hostIPC === true && /^(?:kernel\.(?:sem|shm|msg)|fs\.mqueue\.)/.test(dotted))
      errors.push(invalid(where, name, "may not be specified when 'hostIPC' is true"));
    seen.add(name);
  }
  return errors;
}

export function checkPodSecurity(path: string, spec: PodSpec): FieldError[] {
  const { securityContext: context } = spec;
  const errors: FieldError[] = [];
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(
      invalid(child(path, "shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"),
    );
  if (context === undefined) return errors;
  return [
    ...errors,
    ...checkUserId(child(path, "fsGroup"), context.fsGroup),
    ...checkUserId(child(path, "runAsUser"), context.runAsUser),
    ...checkUserId(child(path, "runAsGroup"), context.runAsGroup),
    ...(context.supplementalGroups ?? []).flatMap((group, index) =>
      checkUserId(at(child(path, "supplementalGroups"), index), group),
    ),
    ...checkSysctls(child(path, "sysctls"), context, spec),
    ...checkSeccomp(child(path, "seccompProfile"), context.seccompProfile),
    ...checkAppArmor(child(path, "appArmorProfile"), context.appArmorProfile),
  ];
}

export function checkContainerSecurity(
  path: string,
  context: SecurityContext | undefined,
  spec: PodSpec,
): FieldError[] {
  if (context === undefined) return [];
  const errors: FieldError[] = [
    ...checkUserId(child(path, "runAsUser"), context.runAsUser),
    ...checkUserId(child(path, "runAsGroup"), context.runAsGroup),
    ...checkSeccomp(child(path, "seccompProfile"), context.seccompProfile),
    ...checkAppArmor(child(path, "appArmorProfile"), context.appArmorProfile),
  ];
  if (context.procMount === "Unmasked" && spec.hostUsers !== false)
    errors.push(invalid(child(path, "procMount"), context.procMount, "`hostUsers` must be false to use `Unmasked`"));
  if (context.allowPrivilegeEscalation !== false) return errors;
  if (context.privileged === true)
    errors.push(invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
  if (context.capabilities?.add?.includes("CAP_SYS_ADMIN") === true)
    errors.push(
      invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"),
    );
  return errors;
}

/** What a pod with users of its own may not share with its node. */
export function checkHostUsers(path: string, spec: PodSpec): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const why = "when `hostUsers` is false";
  const errors: FieldError[] = [];
  if (spec.hostNetwork === true) errors.push(forbidden(child(path, "hostNetwork"), why));
  if (spec.hostPID === true) errors.push(forbidden(child(path, "HostPID"), why));
  if (spec.hostIPC === true) errors.push(forbidden(child(path, "HostIPC"), why));
  return errors;
}
