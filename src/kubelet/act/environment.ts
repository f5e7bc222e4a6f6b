/**
 * A container's environment: services first, then envFrom, then env, each over the one before.
 *
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
 */
import { fromBase64 } from "#base/bytes.ts";
import { own } from "#base/own.ts";
import type { ConfigMap } from "#resources/core/config-map.ts";
import type { Container } from "#resources/core/container.ts";
import type { EnvVarSource } from "#resources/core/environment.ts";
import type { Secret } from "#resources/core/secret.ts";
import { fieldValue, resourceValue, type PodFacts } from "./downward.ts";
import { expand, ProgramRoom } from "./expand.ts";

/** A mistake in what a container refers to, which its owner can put right: CreateContainerConfigError. */
export class ContainerConfigError extends Error {
  override readonly name = "ContainerConfigError";
}

/** The objects of the pod's namespace that it may refer to. Undefined when there is none of that name. */
export interface PodReferences {
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
}

export interface EnvironmentInput {
  readonly facts: PodFacts;
  readonly container: Container;
  readonly references: PodReferences;
  readonly services: ReadonlyMap<string, string>;
}

const decoder = new TextDecoder();
const secretText = (value: string): string => decoder.decode(fromBase64(value));

/**
 * @throws ContainerConfigError when an object or key that is not optional is missing, ExpansionError when it is more than
 * the kernel passes to a program.
 */
export async function environmentOf(input: EnvironmentInput): Promise<ReadonlyMap<string, string>> {
  const { container } = input;
  const own = new Map<string, string>();
  // One large key may be named ten thousand times.
  const room = new ProgramRoom();
  for (const source of container.envFrom ?? []) {
    for (const [key, value] of await envFromValues(input, source)) {
      room.take(value);
      own.set(`${source.prefix ?? ""}${key}`, value);
    }
  }
  // Values may refer to services' variables as well as to those before them.
  const known = new Map([...input.services, ...own]);
  for (const { name, value, valueFrom } of container.env ?? []) {
    const found = valueFrom ? await valueFromSource(input, valueFrom) : expand(value ?? "", known);
    if (found === undefined) continue;
    room.take(found);
    own.set(name, found);
    known.set(name, found);
  }
  return new Map([...input.services, ...own]);
}

type EnvFrom = NonNullable<Container["envFrom"]>[number];

async function envFromValues(input: EnvironmentInput, source: EnvFrom): Promise<readonly [string, string][]> {
  const { configMapRef, secretRef } = source;
  if (configMapRef) {
    const map = await input.references.configMap(configMapRef.name ?? "");
    if (!map && !configMapRef.optional) throw new ContainerConfigError(`configmap "${configMapRef.name}" not found`);
    return Object.entries(map?.data ?? {});
  }
  if (!secretRef) return [];
  const secret = await input.references.secret(secretRef.name ?? "");
  if (!secret && !secretRef.optional) throw new ContainerConfigError(`secret "${secretRef.name}" not found`);
  return Object.entries(secret?.data ?? {}).map(([key, value]) => [key, secretText(value)]);
}

async function valueFromSource(input: EnvironmentInput, from: EnvVarSource): Promise<string | undefined> {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = from;
  const { pod } = input.facts;
  if (fieldRef) return fieldValue(input.facts, fieldRef);
  if (resourceFieldRef) return resourceValue(input.facts, resourceFieldRef, input.container);
  const where = `${pod.metadata.namespace}/`;
  if (configMapKeyRef) {
    const { name = "", key, optional } = configMapKeyRef;
    const map = await input.references.configMap(name);
    if (!map && !optional) throw new ContainerConfigError(`configmap "${name}" not found`);
    const value = own(map?.data, key);
    if (value === undefined && !optional)
      throw new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${where}${name}`);
    return value;
  }
  if (!secretKeyRef) throw new ContainerConfigError("expected a source of the value that this node knows, found none");
  const { name = "", key, optional } = secretKeyRef;
  const secret = await input.references.secret(name);
  if (!secret && !optional) throw new ContainerConfigError(`secret "${name}" not found`);
  const value = own(secret?.data, key);
  if (value === undefined && !optional)
    throw new ContainerConfigError(`couldn't find key ${key} in Secret ${where}${name}`);
  return value === undefined ? undefined : secretText(value);
}
