/** Rules of containers: those that run, those that start first, and those added to look inside. */
import {
  at,
  child,
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from "#machinery/field-error.ts";
import { dnsLabel, portName, portNumber } from "#machinery/names.ts";
import { checked } from "#machinery/object-meta-rules.ts";
import { each, filled } from "#machinery/rule.ts";
import type { Container, ContainerPort, EphemeralContainer } from "./container.ts";
import { checkFileVolumes, checkVariable, checkVariables } from "./environment-rules.ts";
import { checkMounts } from "./mount-rules.ts";
import type { PodSpec } from "./pod-spec.ts";
import { checkLifecycle, checkProbe, probeNames } from "./probe-rules.ts";
import { checkContainerResourceName, checkRequirements } from "./resource-amount-rules.ts";
import { checkContainerSecurity } from "./security-rules.ts";

function checkPorts(path: string, ports: readonly ContainerPort[] | undefined): FieldError[] {
  const names = new Set<string>();
  return each(path, ports, (where, { name, containerPort, hostPort }) => {
    const errors: FieldError[] = [];
    const problems = name ? portName(name) : [];
    errors.push(...problems.map((problem) => invalid(child(where, "name"), name, problem)));
    if (name && problems.length === 0) {
      if (names.has(name)) errors.push(duplicate(child(where, "name"), name));
      names.add(name);
    }
    if (containerPort === 0) errors.push(required(child(where, "containerPort")));
    else
      errors.push(
        ...portNumber(containerPort).map((problem) => invalid(child(where, "containerPort"), containerPort, problem)),
      );
    if (hostPort)
      errors.push(...portNumber(hostPort).map((problem) => invalid(child(where, "hostPort"), hostPort, problem)));
    return errors;
  });
}

/** No two containers that run at once may want the same port of the node. */
function checkHostPorts(path: string, containers: readonly Container[]): FieldError[] {
  const taken = new Set<string>();
  return each(path, containers, (where, { ports }) =>
    each(child(where, "ports"), ports, (portPath, { protocol = "", hostIP = "", hostPort = 0 }) => {
      const key = `${protocol}/${hostIP}/${hostPort}`;
      const isTaken = hostPort !== 0 && taken.has(key);
      taken.add(key);
      return isTaken ? [duplicate(child(portPath, "hostPort"), key)] : [];
    }),
  );
}

function checkResize(path: string, { resizePolicy = [] }: Container, spec: PodSpec): FieldError[] {
  const seen = new Set<string>();
  return resizePolicy.flatMap(({ resourceName, restartPolicy }, index) => {
    const errors: FieldError[] = [];
    if (seen.has(resourceName)) errors.push(duplicate(at(path, index), resourceName));
    seen.add(resourceName);
    if (resourceName === "") errors.push(required(path));
    else if (resourceName !== "cpu" && resourceName !== "memory")
      errors.push(notSupported(path, resourceName, ["cpu", "memory"]));
    if (restartPolicy === "") errors.push(required(path));
    else if (restartPolicy !== "NotRequired" && restartPolicy !== "RestartContainer")
      errors.push(notSupported(path, restartPolicy, ["NotRequired", "RestartContainer"]));
    if (spec.restartPolicy === "Never" && restartPolicy !== "NotRequired")
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    return errors;
  });
}

const restartRulesMax = 20;
const exitCodesMax = 255;

function checkRestart(path: string, { restartPolicy, restartPolicyRules = [] }: Container): FieldError[] {
  const errors: FieldError[] = [];
  const where = child(path, "restartPolicy");
  const rulesPath = child(path, "restartPolicyRules");
  if (restartPolicy === undefined) {
    if (restartPolicyRules.length === 0) return [];
    errors.push(required(where, "must specify restartPolicy when restart rules are used"));
  } else if (!["Always", "Never", "OnFailure"].includes(restartPolicy))
    errors.push(notSupported(where, restartPolicy, ["Always", "Never", "OnFailure"]));
  if (restartPolicyRules.length > restartRulesMax) errors.push(tooLong(rulesPath, restartRulesMax));
  for (const [index, { action, exitCodes }] of restartPolicyRules.entries()) {
    const rule = at(rulesPath, index);
    if (action !== "Restart") errors.push(notSupported(child(rule, "action"), action, ["Restart"]));
    if (exitCodes === undefined) errors.push(required(child(rule, "exitCodes"), "must be specified"));
    else if ((exitCodes.values?.length ?? 0) > exitCodesMax)
      errors.push(tooLong(`${rule}.exitCodes.values`, exitCodesMax));
    else if (exitCodes.operator !== "In" && exitCodes.operator !== "NotIn")
      errors.push(notSupported(`${rule}.exitCodes.operator`, exitCodes.operator, ["In", "NotIn"]));
  }
  return errors;
}

/** What every container must keep to. */
function checkCommon(path: string, container: Container, spec: PodSpec): FieldError[] {
  const claimNames = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const envFrom = child(path, "envFrom");
  return [
    ...(container.name === ""
      ? [required(child(path, "name"))]
      : checked(child(path, "name"), container.name, dnsLabel)),
    ...filled(child(path, "image"), container.image),
    ...checkPorts(child(path, "ports"), container.ports),
    ...each(child(path, "env"), container.env, checkVariable),
    ...(container.envFrom ?? []).flatMap((source, index) => checkVariables(envFrom, source, index)),
    ...checkMounts(path, container, spec),
    ...checkRequirements(child(path, "resources"), container.resources, {
      nameRule: checkContainerResourceName,
      claimNames,
    }),
    ...checkResize(child(path, "resizePolicy"), container, spec),
    ...checkContainerSecurity(child(path, "securityContext"), container.securityContext, spec),
    ...checkFileVolumes(path, container, spec),
  ];
}

/** Probes and hooks, of containers that keep running. */
function checkWatched(path: string, container: Container, spec: PodSpec): FieldError[] {
  const { lifecycle } = container;
  return [
    ...(lifecycle ? checkLifecycle(child(path, "lifecycle"), lifecycle, spec) : []),
    ...probeNames.flatMap((name) => {
      const probe = container[name];
      return probe ? checkProbe(child(path, name), probe, name) : [];
    }),
  ];
}

function checkTaken(path: string, name: string, taken: Set<string>): FieldError[] {
  const errors = taken.has(name) ? [duplicate(child(path, "name"), name)] : [];
  taken.add(name);
  return errors;
}

export function checkContainers(path: string, spec: PodSpec): FieldError[] {
  const { containers } = spec;
  if (containers.length === 0) return [required(path)];
  const taken = new Set<string>();
  const errors = each(path, containers, (where, container) => [
    ...checkCommon(where, container, spec),
    ...checkTaken(where, container.name, taken),
    ...checkWatched(where, container, spec),
    ...checkRestart(where, container),
  ]);
  return [...errors, ...checkHostPorts(path, containers)];
}

export function checkInitContainers(path: string, spec: PodSpec): FieldError[] {
  const taken = new Set(spec.containers.map(({ name }) => name));
  return each(path, spec.initContainers, (where, container) => {
    const errors = [
      ...checkCommon(where, container, spec),
      ...checkTaken(where, container.name, taken),
      ...checkHostPorts(path, [container]),
    ];
    if (container.restartPolicy === "Always") {
      if (container.restartPolicyRules)
        errors.push(
          forbidden(
            child(where, "restartPolicyRules"),
            "restartPolicyRules are not allowed for init containers with restart policy Always",
          ),
        );
      return [...errors, ...checkWatched(where, container, spec)];
    }
    errors.push(...checkRestart(where, container));
    for (const name of ["lifecycle", ...probeNames] as const)
      if (container[name])
        errors.push(forbidden(child(where, name), "may not be set for init containers without restartPolicy=Always"));
    return errors;
  });
}

const ephemeralForbidden = [
  "ports",
  "resources",
  "resizePolicy",
  "restartPolicy",
  "restartPolicyRules",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle",
] as const;

function isSet(value: unknown): boolean {
  return value !== undefined && !(typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

export function checkEphemeralContainers(path: string, spec: PodSpec): FieldError[] {
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name));
  const taken = new Set(others);
  const why = "cannot be set for an Ephemeral Container";
  return each(path, spec.ephemeralContainers, (where, container: EphemeralContainer) => {
    const { targetContainerName: target, volumeMounts = [] } = container;
    const errors = [...checkCommon(where, container, spec), ...checkTaken(where, container.name, taken)];
    if (target && !others.has(target)) errors.push(notFound(child(where, "targetContainerName"), target));
    for (const name of ephemeralForbidden) if (isSet(container[name])) errors.push(forbidden(child(where, name), why));
    for (const [index, mount] of volumeMounts.entries())
      for (const name of ["subPath", "subPathExpr"] as const)
        if (mount[name]) errors.push(forbidden(child(at(child(where, "volumeMounts"), index), name), why));
    return errors;
  });
}
