/** Rules of pods and of templates of pods. */
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
import { checkIp } from "#machinery/ip-address.ts";
import type { ObjectMeta } from "#machinery/meta.ts";
import { between, dnsLabel, dnsSubdomain, dnsSubdomainWithUnderscore, qualifiedName } from "#machinery/names.ts";
import { checkAnnotations, checked, checkLabels } from "#machinery/object-meta-rules.ts";
import type { CheckContext } from "#machinery/resource.ts";
import { each } from "#machinery/rule.ts";
import type { Container } from "./container.ts";
import { checkContainers, checkEphemeralContainers, checkInitContainers } from "./container-rules.ts";
import type { PodSpec, PodTemplateSpec } from "./pod-spec.ts";
import type { Pod } from "./pod.ts";
import { checkPodChange, mirrorMark } from "./pod-update-rules.ts";
import { checkRequirements, checkResourceName } from "./resource-amount-rules.ts";
import { checkAffinity, checkSpread, checkToleration } from "./scheduling-rules.ts";
import { checkHostUsers, checkPodSecurity } from "./security-rules.ts";
import { checkVolumes } from "./volume-rules.ts";

const nameserversMax = 3;
const searchesMax = 32;
const searchBytesMax = 2048;
const int32Max = 2 ** 31 - 1;
const hostnameBytesMax = 64;

function checkDns(path: string, { dnsPolicy, dnsConfig }: PodSpec): FieldError[] {
  if (dnsPolicy === "None") {
    if (dnsConfig === undefined) return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")];
    if (!dnsConfig.nameservers)
      return [
        required(child(path, "nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None"),
      ];
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  const searchPath = child(path, "searches");
  const errors: FieldError[] = [];
  if (nameservers.length > nameserversMax)
    errors.push(
      invalid(child(path, "nameservers"), nameservers, `must not have more than ${nameserversMax} nameservers`),
    );
  if (searches.length > searchesMax)
    errors.push(invalid(searchPath, searches, `must not have more than ${searchesMax} search paths`));
  if (searches.join(" ").length > searchBytesMax)
    errors.push(
      invalid(
        searchPath,
        searches,
        `must not have more than ${searchBytesMax} characters (including spaces) in the search list`,
      ),
    );
  return [
    ...errors,
    ...each(child(path, "nameservers"), nameservers, checkIp),
    ...each(searchPath, searches, (where, search) =>
      search === "." ? [] : checked(where, search.replace(/\.$/, ""), dnsSubdomainWithUnderscore),
    ),
    ...each(child(path, "options"), options, (where, { name }) => (name ? [] : [required(where, "must not be empty")])),
  ];
}

function checkClaims(path: string, { resourceClaims }: PodSpec): FieldError[] {
  const names = new Set<string>();
  return each(path, resourceClaims, (where, claim) => {
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const errors: FieldError[] = [];
    if (name === "") errors.push(required(child(where, "name")));
    else if (names.has(name)) errors.push(duplicate(child(where, "name"), name));
    else errors.push(...checked(child(where, "name"), name, dnsLabel));
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      errors.push(
        invalid(where, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"),
      );
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      errors.push(invalid(where, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"));
    return errors;
  });
}

function checkGates(path: string, { schedulingGates }: PodSpec): FieldError[] {
  const names = new Set<string>();
  return each(path, schedulingGates, (where, { name }) => {
    const errors = checked(where, name, qualifiedName);
    if (names.has(name)) errors.push(duplicate(where, name));
    names.add(name);
    return errors;
  });
}

function checkHostName(path: string, spec: PodSpec): FieldError[] {
  const { hostname, subdomain, hostnameOverride, hostAliases } = spec;
  const where = child(path, "hostnameOverride");
  const errors = [
    ...(hostname ? checked(child(path, "hostname"), hostname, dnsLabel) : []),
    ...(subdomain ? checked(child(path, "subdomain"), subdomain, dnsLabel) : []),
    ...each(child(path, "hostAliases"), hostAliases, (alias, { ip, hostnames }) => [
      ...checkIp(child(alias, "ip"), ip),
      ...each(child(alias, "hostnames"), hostnames, (name, text) => checked(name, text, dnsSubdomain)),
    ]),
  ];
  if (hostnameOverride === undefined) return errors;
  if (spec.setHostnameAsFQDN === true)
    errors.push(forbidden(where, "may not be specified when setHostnameAsFQDN is true"));
  if (spec.hostNetwork === true) errors.push(forbidden(where, "may not be specified when hostNetwork is true"));
  if (hostnameOverride.length > hostnameBytesMax) errors.push(tooLong(where, hostnameBytesMax));
  return [...errors, ...checked(where, hostnameOverride, dnsSubdomain)];
}

function checkReferences(path: string, spec: PodSpec): FieldError[] {
  const names = ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] as const;
  const seconds = spec.activeDeadlineSeconds;
  const errors = names.flatMap((name) => {
    const text = spec[name];
    return text ? checked(child(path, name), text, dnsSubdomain) : [];
  });
  if (seconds !== undefined && (seconds < 1 || seconds > int32Max))
    errors.push(invalid(child(path, "activeDeadlineSeconds"), seconds, between(1, int32Max)));
  if (spec.os && spec.os.name !== "linux" && spec.os.name !== "windows")
    errors.push(
      spec.os.name === ""
        ? required(`${path}.os.name`)
        : notSupported(`${path}.os`, spec.os.name, ["linux", "windows"]),
    );
  return errors;
}

/** On the node's own network a container's port is the node's. */
function checkHostPorts(path: string, { hostNetwork, containers }: PodSpec, isPod: boolean): FieldError[] {
  if (hostNetwork !== true) return [];
  return each(child(path, "containers"), containers, (where, { ports }) =>
    each(child(where, "ports"), ports, (portPath, { hostPort = 0, containerPort }) =>
      (isPod || hostPort !== 0) && hostPort !== containerPort
        ? [invalid(child(portPath, "hostPort"), hostPort, "must match `containerPort` when `hostNetwork` is true")]
        : [],
    ),
  );
}

function checkPodLevel(path: string, { resources }: PodSpec): FieldError[] {
  if (resources === undefined) return [];
  const errors: FieldError[] = [];
  if (resources.claims)
    errors.push(forbidden(child(path, "claims"), "claims may not be set for Resources at pod-level"));
  const nameRule = (where: string, name: string): FieldError[] => {
    const problems = checkResourceName(where, name);
    if (problems.length > 0 || name === "cpu" || name === "memory" || name.startsWith("hugepages-")) return problems;
    return [notSupported(where, name, ["cpu", "hugepages-", "memory"])];
  };
  return [...errors, ...checkRequirements(path, resources, { nameRule, claimNames: new Set() })];
}

interface PodSpecRules {
  /** "" in a template. */
  readonly podName: string;
  readonly isPod: boolean;
}

function checkPodSpec(path: string, spec: PodSpec, { podName, isPod }: PodSpecRules): FieldError[] {
  return [
    ...checkVolumes(child(path, "volumes"), spec, podName),
    ...checkClaims(child(path, "resourceClaims"), spec),
    ...checkContainers(child(path, "containers"), spec),
    ...checkInitContainers(child(path, "initContainers"), spec),
    ...checkEphemeralContainers(child(path, "ephemeralContainers"), spec),
    ...checkPodLevel(child(path, "resources"), spec),
    ...checkHostPorts(path, spec, isPod),
    ...checkLabels(child(path, "nodeSelector"), spec.nodeSelector),
    ...checkPodSecurity(child(path, "securityContext"), spec),
    ...checkHostUsers(path, spec),
    ...checkAffinity(child(path, "affinity"), spec.affinity),
    ...checkDns(child(path, "dnsConfig"), spec),
    ...each(child(path, "readinessGates"), spec.readinessGates, (where, { conditionType }) =>
      checked(child(where, "conditionType"), conditionType, qualifiedName),
    ),
    ...checkGates(child(path, "schedulingGates"), spec),
    ...checkSpread(child(path, "topologySpreadConstraints"), spec.topologySpreadConstraints),
    ...each(child(path, "tolerations"), spec.tolerations, checkToleration),
    ...checkHostName(path, spec),
    ...checkReferences(path, spec),
  ];
}

/** What a template of pods must keep to. */
export function checkTemplate(path: string, template: PodTemplateSpec | undefined): FieldError[] {
  if (template === undefined) return [required(path)];
  const { metadata, spec } = template;
  const errors = [
    ...checkLabels(child(path, "labels"), metadata.labels),
    ...checkAnnotations(child(path, "annotations"), metadata.annotations),
    ...checkPodSpec(child(path, "spec"), spec, { podName: "", isPod: false }),
  ];
  if (spec.ephemeralContainers)
    errors.push(forbidden(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"));
  return errors;
}

function checkMirror({ annotations }: ObjectMeta, { nodeName }: PodSpec): FieldError[] {
  if (annotations?.[mirrorMark] === undefined || nodeName) return [];
  return [
    invalid(
      at("metadata.annotations", mirrorMark),
      annotations[mirrorMark],
      "must set spec.nodeName if mirror pod annotation is set",
    ),
  ];
}

function checkImages(path: string, containers: readonly Container[]): FieldError[] {
  return containers.flatMap(({ image = "" }, index) =>
    image === image.trim()
      ? []
      : [invalid(child(at(path, index), "image"), image, "must not have leading or trailing whitespace")],
  );
}

export function checkPod(pod: Pod, context: CheckContext<Pod>): readonly FieldError[] {
  const { metadata, spec } = pod;
  const { old, subresource } = context;
  if (old && subresource === "status") return checkPodChange(pod, old, subresource);
  const errors = [
    ...checkMirror(metadata, spec),
    ...checkPodSpec("spec", spec, { podName: metadata.name ?? "", isPod: true }),
    ...checkImages("spec.containers", spec.containers),
    ...checkImages("spec.initContainers", spec.initContainers ?? []),
  ];
  if (old) return [...errors, ...checkPodChange(pod, old, subresource)];
  if (spec.ephemeralContainers) errors.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
  if (spec.nodeName && spec.schedulingGates)
    errors.push(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"));
  return errors;
}
