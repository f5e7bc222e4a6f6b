/** The table of the standards: each check with what it refuses, from which version on, in upstream's words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "#resources/core/pod-spec.ts";
import { toldInDetail, violationsOf } from "./checks.ts";
import type { PolicyVersion } from "./policy.ts";

interface Given {
  readonly container?: object;
  readonly pod?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

const strict = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
};

function told(level: "baseline" | "restricted", version: PolicyVersion, given: Given): string {
  const { container = {}, pod = {}, annotations = {} } = given;
  // What the restricted standard asks for is there unless the row takes it away.
  const own = container as { readonly securityContext?: object };
  const securityContext = { ...(level === "restricted" ? strict : {}), ...own.securityContext };
  const one = { name: "a", image: "i", ...container, securityContext };
  // Holds for what the rows say: parts of a pod's specification as the API decodes them.
  const spec = { containers: [one], securityContext: {}, ...pod } as unknown as PodSpec;
  return toldInDetail(violationsOf({ level, version }, { annotations, spec }));
}

const context = (securityContext: object): Given => ({ container: { securityContext } });
const unset = (name: string): Given => context({ [name]: undefined });

const rows: readonly (readonly [
  level: "baseline" | "restricted",
  version: PolicyVersion,
  given: Given,
  expected: string,
])[] = [
  ["baseline", "latest", {}, ""],
  ["restricted", "latest", {}, ""],
  ["baseline", 0, { pod: { hostNetwork: true, hostIPC: true } }, "host namespaces (hostNetwork=true, hostIPC=true)"],
  [
    "baseline",
    5,
    context({ appArmorProfile: { type: "Unconfined" } }),
    'forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")',
  ],
  [
    "baseline",
    "latest",
    { annotations: { "container.apparmor.security.beta.kubernetes.io/a": "unconfined" } },
    'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/a="unconfined"")',
  ],
  ["baseline", "latest", { annotations: { "container.apparmor.security.beta.kubernetes.io/a": "localhost/x" } }, ""],
  [
    "baseline",
    1,
    context({ capabilities: { add: ["NET_RAW", "CHOWN"] } }),
    'non-default capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)',
  ],
  ["restricted", 21, context({ capabilities: {} }), ""],
  [
    "restricted",
    22,
    context({ capabilities: { add: ["CHOWN"] } }),
    'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; container "a" must not include "CHOWN" in securityContext.capabilities.add)',
  ],
  ["baseline", 3, { pod: { volumes: [{ name: "v", hostPath: { path: "/" } }] } }, 'hostPath volumes (volume "v")'],
  [
    "restricted",
    3,
    { pod: { volumes: [{ name: "v", hostPath: { path: "/" } }] } },
    'restricted volume types (volume "v" uses restricted volume type "hostPath")',
  ],
  [
    "baseline",
    3,
    { container: { ports: [{ hostPort: 80 }, { hostPort: 443 }] } },
    'hostPort (container "a" uses hostPorts 443, 80)',
  ],
  ["baseline", 33, { container: { livenessProbe: { httpGet: { host: "h" } } } }, ""],
  [
    "baseline",
    34,
    { container: { livenessProbe: { httpGet: { host: "h" } }, lifecycle: { preStop: { tcpSocket: { host: "g" } } } } },
    'probe or lifecycle host (container "a" uses probe or lifecycle hosts "g", "h")',
  ],
  [
    "baseline",
    0,
    context({ privileged: true }),
    'privileged (container "a" must not set securityContext.privileged=true)',
  ],
  [
    "baseline",
    34,
    { ...context({ procMount: "Unmasked" }), pod: { hostUsers: false } },
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
  ],
  ["baseline", 35, { ...context({ procMount: "Unmasked" }), pod: { hostUsers: false } }, ""],
  [
    "restricted",
    35,
    { ...context({ procMount: "Unmasked" }), pod: { hostUsers: false } },
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
  ],
  [
    "baseline",
    0,
    { pod: { securityContext: { seLinuxOptions: { type: "spc_t", user: "u", role: "r" } } } },
    'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
  ],
  [
    "baseline",
    30,
    context({ seLinuxOptions: { type: "container_engine_t" } }),
    'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "container_engine_t")',
  ],
  ["baseline", 31, context({ seLinuxOptions: { type: "container_engine_t" } }), ""],
  [
    "baseline",
    18,
    { annotations: { "seccomp.security.alpha.kubernetes.io/pod": "unconfined" } },
    'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  ],
  [
    "baseline",
    19,
    context({ seccompProfile: { type: "Unconfined" } }),
    'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  ["restricted", 18, unset("seccompProfile"), ""],
  [
    "restricted",
    19,
    unset("seccompProfile"),
    'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
  ["restricted", 25, { ...unset("seccompProfile"), pod: { os: { name: "windows" } } }, ""],
  ["restricted", 7, unset("allowPrivilegeEscalation"), ""],
  [
    "restricted",
    8,
    unset("allowPrivilegeEscalation"),
    'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
  ],
  [
    "restricted",
    34,
    { ...unset("runAsNonRoot"), pod: { hostUsers: false } },
    'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
  ],
  ["restricted", 35, { ...unset("runAsNonRoot"), pod: { hostUsers: false } }, ""],
  [
    "restricted",
    0,
    { pod: { securityContext: { runAsNonRoot: false } } },
    "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
  ],
  ["restricted", 22, context({ runAsUser: 0 }), ""],
  ["restricted", 23, context({ runAsUser: 0 }), 'runAsUser=0 (container "a" must not set runAsUser=0)'],
  [
    "baseline",
    26,
    { pod: { securityContext: { sysctls: [{ name: "net.ipv4.ip_local_reserved_ports" }] } } },
    "forbidden sysctls (net.ipv4.ip_local_reserved_ports)",
  ],
  ["baseline", 27, { pod: { securityContext: { sysctls: [{ name: "net.ipv4.ip_local_reserved_ports" }] } } }, ""],
  [
    "baseline",
    "latest",
    { pod: { securityContext: { sysctls: [{ name: "constructor" }] } } },
    "forbidden sysctls (constructor)",
  ],
  [
    "baseline",
    "latest",
    context({ windowsOptions: { hostProcess: true } }),
    'hostProcess (container "a" must not set securityContext.windowsOptions.hostProcess=true)',
  ],
  [
    "baseline",
    "latest",
    {
      pod: {
        initContainers: [{ name: "i", securityContext: { privileged: true } }],
        ephemeralContainers: [{ name: "e", securityContext: { privileged: true } }],
      },
    },
    'privileged (containers "i", "e" must not set securityContext.privileged=true)',
  ],
];

for (const [level, version, given, expected] of rows)
  test(`${level} of ${version} says ${expected === "" ? "nothing" : expected} about ${JSON.stringify(given)}`, () => {
    assert.equal(told(level, version, given), expected);
  });
