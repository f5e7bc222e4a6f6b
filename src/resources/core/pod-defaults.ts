/** The defaults of pods and of pods to be, beyond those that the fields themselves have. */
import { own } from "#base/own.ts";
import type { Draft } from "#machinery/meta.ts";
import { Quantity } from "#machinery/quantity.ts";
import type { Container, EphemeralContainer } from "./container.ts";
import type { Pod } from "./pod.ts";
import type { PodSpec } from "./pod-spec.ts";
import type { Volume } from "./volume.ts";

/** Always for an image whose tag is, or defaults to, "latest". */
function pullPolicy(image: string): "Always" | "IfNotPresent" {
  const [name = "", digest] = image.split("@");
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  const tag = colon < 0 ? undefined : name.slice(colon + 1);
  return tag === "latest" || (tag === undefined && digest === undefined) ? "Always" : "IfNotPresent";
}

function defaultVolume(volume: Draft<Volume>): void {
  const { image } = volume;
  if (Object.keys(volume).every((name) => name === "name")) volume.emptyDir = {};
  else if (image) image.pullPolicy ||= pullPolicy(image.reference ?? "");
}

/** Of the spec of a pod, or of the template of one. */
export function defaultPodSpec(spec: Draft<PodSpec>): void {
  const containers: Draft<Container | EphemeralContainer>[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) container.imagePullPolicy ||= pullPolicy(container.image ?? "");
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  // Two names of one field: the old one follows.
  const account = spec.serviceAccountName || spec.serviceAccount;
  if (account) {
    spec.serviceAccountName = account;
    spec.serviceAccount = account;
  }
}

/** Of a template, which some kinds may lack. */
export function defaultTemplate(template: { spec: Draft<PodSpec> } | undefined): void {
  if (template) defaultPodSpec(template.spec);
}

type Amounts = Record<string, string>;

function addAll(sum: Amounts, amounts: Readonly<Amounts>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const before = own(sum, name);
    sum[name] = before === undefined ? amount : Quantity.parse(before).add(Quantity.parse(amount)).toString();
  }
}

function raiseTo(sum: Amounts, amounts: Readonly<Amounts>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const before = own(sum, name);
    if (before === undefined || Quantity.parse(before).compare(Quantity.parse(amount)) < 0) sum[name] = amount;
  }
}

/** What all containers take at once, at the worst moment of the pod's life. */
function aggregate(spec: Draft<PodSpec>, of: "limits" | "requests"): Amounts {
  const sum: Amounts = {};
  for (const container of spec.containers) addAll(sum, container.resources[of] ?? {});
  const sidecars: Amounts = {};
  const starting: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const amounts = container.resources[of] ?? {};
    const moment: Amounts = { ...sidecars };
    addAll(moment, amounts);
    if (container.restartPolicy === "Always") addAll(sidecars, amounts);
    raiseTo(starting, moment);
  }
  addAll(sum, sidecars);
  raiseTo(sum, starting);
  return sum;
}

const isHugePages = (name: string): boolean => name.startsWith("hugepages-");
const isPodLevel = (name: string): boolean => name === "cpu" || name === "memory" || isHugePages(name);

/** What the whole pod asks for, when it says something about the whole pod. */
function defaultPodLevel(spec: Draft<PodSpec>): void {
  const { resources } = spec;
  if (!resources || (!resources.limits && !resources.requests)) return;
  const limits: Amounts = { ...resources.limits };
  for (const [name, amount] of Object.entries(aggregate(spec, "limits")))
    if (isHugePages(name) && own(resources.requests, name) === undefined) limits[name] = own(limits, name) ?? amount;
  if (Object.keys(limits).length === 0) return;
  const requests: Amounts = { ...resources.requests };
  for (const [name, amount] of Object.entries(aggregate(spec, "requests")))
    if (isPodLevel(name) && !isHugePages(name)) requests[name] = own(requests, name) ?? amount;
  for (const [name, amount] of Object.entries(limits))
    if (isPodLevel(name)) requests[name] = own(requests, name) ?? amount;
  resources.limits = limits;
  if (Object.keys(requests).length > 0) resources.requests = requests;
}

/** Of a pod. A template does not get these, so that a change of them does not start a rollout. */
export function defaultPod(pod: Draft<Pod>): void {
  const { spec } = pod;
  defaultPodSpec(spec);
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    const { resources, ports = [] } = container;
    if (resources.limits) resources.requests = { ...resources.limits, ...resources.requests };
    if (spec.hostNetwork === true) for (const port of ports) port.hostPort ||= port.containerPort;
  }
  defaultPodLevel(spec);
  spec.enableServiceLinks ??= true;
}
