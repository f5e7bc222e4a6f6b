/**
 * The table of the pod security standards: which check holds from which minor version of v1 on.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
import * as baseline from "./baseline.ts";
import type { Standard } from "./policy.ts";
import * as restricted from "./restricted.ts";
import type { Subject, Violation } from "./subject.ts";

type Check = (subject: Subject) => Violation | undefined;

/** A check since a minor version, until the next row of the same check. */
type Since = readonly [minor: number, check: Check];

interface RestrictedRow {
  readonly versions: readonly Since[];
  /** The check of the baseline that this one stands in for, where it holds. */
  readonly overrides?: string;
}

const seLinuxTypes = ["", "container_t", "container_init_t", "container_kvm_t"];

const sysctls = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
];
const sysctls27 = [...sysctls, "net.ipv4.ip_local_reserved_ports"];
const sysctls29 = [
  ...sysctls27,
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const sysctls32 = [...sysctls29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

// Rows stand in the order in which violations are told.
const baselineChecks: Readonly<Record<string, readonly Since[]>> = {
  appArmorProfile: [[0, baseline.appArmorProfile]],
  capabilities_baseline: [[0, baseline.capabilities]],
  hostNamespaces: [[0, baseline.hostNamespaces]],
  hostPathVolumes: [[0, baseline.hostPathVolumes]],
  hostPorts: [[0, baseline.hostPorts]],
  hostProbesAndHostLifecycle: [[34, baseline.probeHosts]],
  privileged: [[0, baseline.privileged]],
  procMount: [
    [0, baseline.procMount],
    [35, baseline.procMountOfOwnUsers],
  ],
  seLinuxOptions: [
    [0, baseline.seLinuxOptions(seLinuxTypes)],
    [31, baseline.seLinuxOptions([...seLinuxTypes, "container_engine_t"])],
  ],
  seccompProfile_baseline: [
    [0, baseline.seccompAnnotations],
    [19, baseline.seccompProfile],
  ],
  sysctls: [
    [0, baseline.sysctls(sysctls)],
    [27, baseline.sysctls(sysctls27)],
    [29, baseline.sysctls(sysctls29)],
    [32, baseline.sysctls(sysctls32)],
  ],
  windowsHostProcess: [[0, baseline.windowsHostProcess]],
};

const restrictedChecks: readonly RestrictedRow[] = [
  {
    versions: [
      [8, restricted.allowPrivilegeEscalation],
      [25, restricted.exceptOnWindows(restricted.allowPrivilegeEscalation)],
    ],
  },
  {
    versions: [
      [22, restricted.restrictedCapabilities],
      [25, restricted.exceptOnWindows(restricted.restrictedCapabilities)],
    ],
    overrides: "capabilities_baseline",
  },
  { versions: [[35, baseline.procMount]], overrides: "procMount" },
  { versions: [[0, restricted.restrictedVolumes]], overrides: "hostPathVolumes" },
  {
    versions: [
      [0, restricted.runAsNonRoot],
      [35, restricted.exceptOwnUsers(restricted.runAsNonRoot)],
    ],
  },
  {
    versions: [
      [23, restricted.runAsUser],
      [35, restricted.exceptOwnUsers(restricted.runAsUser)],
    ],
  },
  {
    versions: [
      [19, restricted.restrictedSeccomp],
      [25, restricted.exceptOnWindows(restricted.restrictedSeccomp)],
    ],
    overrides: "seccompProfile_baseline",
  },
];

function checkAt(versions: readonly Since[], minor: number): Check | undefined {
  return versions.findLast(([since]) => since <= minor)?.[1];
}

/** What a pod does that the standard does not allow, in the order in which upstream tells it. */
export function violationsOf({ level, version }: Standard, subject: Subject): readonly Violation[] {
  if (level === "privileged") return [];
  const minor = version === "latest" ? Infinity : version;
  const strict = level === "restricted" ? restrictedChecks.filter((row) => checkAt(row.versions, minor)) : [];
  const overridden = new Set(strict.map(({ overrides }) => overrides));
  const checks = [
    ...Object.entries(baselineChecks).flatMap(([id, versions]) => (overridden.has(id) ? [] : [versions])),
    ...strict.map(({ versions }) => versions),
  ];
  return checks.flatMap((versions) => checkAt(versions, minor)?.(subject) ?? []);
}

/** `host namespaces (hostNetwork=true), privileged (…)`. */
export function toldInDetail(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");
}

export function toldInShort(violations: readonly Violation[]): string {
  return violations.map(({ reason }) => reason).join(", ");
}
