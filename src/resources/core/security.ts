/** Security: messages that kinds of core/v1 are made of. */
import { bool, i64, int64, list, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";

export const capabilitiesShape = object("api.core.v1.Capabilities", {
  add: list(1, str),
  drop: list(2, str),
});
export interface Capabilities extends Infer<typeof capabilitiesShape> {}

export const seLinuxOptionsShape = object("api.core.v1.SELinuxOptions", {
  user: string(1),
  role: string(2),
  type: string(3),
  level: string(4),
});
export interface SELinuxOptions extends Infer<typeof seLinuxOptionsShape> {}

export const windowsSecurityContextOptionsShape = object("api.core.v1.WindowsSecurityContextOptions", {
  gmsaCredentialSpecName: string(1).keepZero(),
  gmsaCredentialSpec: string(2).keepZero(),
  runAsUserName: string(3).keepZero(),
  hostProcess: bool(4),
});
export interface WindowsSecurityContextOptions extends Infer<typeof windowsSecurityContextOptionsShape> {}

export const seccompProfileShape = object("api.core.v1.SeccompProfile", {
  type: oneOf(1, ["Unconfined", "RuntimeDefault", "Localhost"]).always(),
  localhostProfile: string(2).keepZero(),
});
export interface SeccompProfile extends Infer<typeof seccompProfileShape> {}

export const appArmorProfileShape = object("api.core.v1.AppArmorProfile", {
  type: oneOf(1, ["Unconfined", "RuntimeDefault", "Localhost"]).always(),
  localhostProfile: string(2).keepZero(),
});
export interface AppArmorProfile extends Infer<typeof appArmorProfileShape> {}

export const securityContextShape = object("api.core.v1.SecurityContext", {
  capabilities: of(1, capabilitiesShape),
  privileged: bool(2),
  seLinuxOptions: of(3, seLinuxOptionsShape),
  windowsOptions: of(10, windowsSecurityContextOptionsShape),
  runAsUser: int64(4),
  runAsGroup: int64(8),
  runAsNonRoot: bool(5),
  readOnlyRootFilesystem: bool(6),
  allowPrivilegeEscalation: bool(7),
  procMount: oneOf(9, ["Default", "Unmasked"]).keepZero(),
  seccompProfile: of(11, seccompProfileShape),
  appArmorProfile: of(12, appArmorProfileShape),
});
export interface SecurityContext extends Infer<typeof securityContextShape> {}

export const sysctlShape = object("api.core.v1.Sysctl", {
  name: string(1).always(),
  value: string(2).always(),
});
export interface Sysctl extends Infer<typeof sysctlShape> {}

export const podSecurityContextShape = object("api.core.v1.PodSecurityContext", {
  seLinuxOptions: of(1, seLinuxOptionsShape),
  windowsOptions: of(8, windowsSecurityContextOptionsShape),
  runAsUser: int64(2),
  runAsGroup: int64(6),
  runAsNonRoot: bool(3),
  supplementalGroups: list(4, i64),
  supplementalGroupsPolicy: oneOf(12, ["Merge", "Strict"]).keepZero(),
  fsGroup: int64(5),
  sysctls: list(7, sysctlShape),
  fsGroupChangePolicy: oneOf(9, ["OnRootMismatch", "Always"]).keepZero(),
  seccompProfile: of(10, seccompProfileShape),
  appArmorProfile: of(11, appArmorProfileShape),
  seLinuxChangePolicy: string(13).keepZero(),
});
export interface PodSecurityContext extends Infer<typeof podSecurityContextShape> {}
