/** Decides which message goes to which file: a kind's own messages with the kind, shared ones in files of their own. */
import type { GoField, GoPackage, GoStruct } from "./parse-go.ts";
import { extraKinds, placed, type GroupPlan } from "./plan.ts";

export interface Model {
  /** By "folder/version". */
  readonly packages: ReadonlyMap<string, GoPackage>;
  readonly groups: readonly GroupPlan[];
}

/** "folder/version.Name". */
export type MessageId = string;

export interface PlannedFile {
  /** Below src/resources. */
  readonly path: string;
  /** Dependencies first. */
  readonly messages: readonly MessageId[];
}

export function packageId(group: GroupPlan): string {
  return `${group.folder}/${group.version}`;
}

export function structOf(model: Model, id: MessageId): GoStruct | undefined {
  const [pkg = "", name = ""] = id.split(".");
  return model.packages.get(pkg)?.structs.get(name);
}

export function isKind(model: Model, id: MessageId): boolean {
  const struct = structOf(model, id);
  const [pkg = "", name = ""] = id.split(".");
  return (
    (struct?.markers.some((marker) => marker === "+genclient") ?? false) || (extraKinds[pkg]?.includes(name) ?? false)
  );
}

/** Types whose JSON has more than one form: their codecs are written by hand. */
export const opaque = /^(?:JSON|JSONSchemaPropsOrArray|JSONSchemaPropsOrBool|JSONSchemaPropsOrStringArray)$/;

/** The package a Go import alias stands for: the core group goes by several. */
export function packageOfAlias(model: Model, alias: string): string | undefined {
  const canonical = /^(?:core|api)v1$/.test(alias) ? "v1" : alias;
  return model.groups.filter((group) => group.alias === canonical).map(packageId)[0];
}

/** The message a Go type names, seen from package `pkg`; undefined for scalars and metav1. */
export function messageOf(model: Model, pkg: string, goType: string): MessageId | undefined {
  const bare = goType.replace(/^(?:\[\]|\*|map\[[^\]]*\])+/, "");
  if (opaque.test(bare)) return undefined;
  const [alias, name] = bare.includes(".") ? bare.split(".") : ["", bare];
  const owner = alias === "" ? pkg : packageOfAlias(model, alias ?? "");
  if (owner === undefined || name === undefined) return undefined;
  const found = model.packages.get(owner);
  if (found?.structs.has(name)) return `${owner}.${name}`;
  const aliased = found?.aliases.get(name);
  return aliased === undefined ? undefined : messageOf(model, owner, aliased);
}

export function skipped(field: GoField): boolean {
  return field.jsonName === "-" || /(?:^|\.)(?:TypeMeta|ObjectMeta|ListMeta)$/.test(field.goType);
}

export function dependencies(model: Model, id: MessageId): MessageId[] {
  const [pkg = ""] = id.split(".");
  const fields = structOf(model, id)?.fields.filter((field) => !skipped(field)) ?? [];
  return fields
    .map((field) => messageOf(model, pkg, field.goType))
    .filter((found): found is MessageId => found !== undefined && found !== id);
}

/** Every file to write, with its messages in an order in which each stands after what it uses. */
export function layOut(model: Model): PlannedFile[] {
  const kinds = model.groups.flatMap((group) =>
    [...(model.packages.get(packageId(group))?.structs.keys() ?? [])]
      .map((name) => `${packageId(group)}.${name}`)
      .filter((id) => isKind(model, id)),
  );
  const users = new Map<MessageId, Set<MessageId>>();
  for (const kind of kinds) visit(model, kind, (id) => users.set(id, (users.get(id) ?? new Set()).add(kind)));
  const files = new Map<string, MessageId[]>();
  const order: MessageId[] = [];
  for (const kind of kinds) postOrder(model, kind, order);
  for (const id of order) {
    const path = filePath(model, id, users.get(id) ?? new Set());
    files.set(path, [...(files.get(path) ?? []), id]);
  }
  return [...files].map(([path, messages]) => ({ path, messages }));
}

export function groupOf(model: Model, id: MessageId): GroupPlan {
  const found = model.groups.find((group) => id.startsWith(`${packageId(group)}.`));
  if (!found) throw new Error(`expected a group for "${id}", found none`);
  return found;
}

let fileOf: Map<MessageId, string> | undefined;

/** The file of a message, below src/resources. */
export function pathOf(model: Model, id: MessageId): string {
  fileOf ??= new Map(layOut(model).flatMap((file) => file.messages.map((message) => [message, file.path] as const)));
  const path = fileOf.get(id);
  if (path === undefined) throw new Error(`expected a file for "${id}", found none`);
  return path;
}

export function kebab(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
}

function filePath(model: Model, id: MessageId, users: ReadonlySet<MessageId>): string {
  const group = groupOf(model, id);
  const manual = placed.get(id);
  if (manual !== undefined) return `${group.folder}/${manual}.ts`;
  const [only, ...others] = [...users];
  const own = only !== undefined && others.length === 0 && groupOf(model, only) === group ? only : id;
  return `${group.folder}/${kebab(own.split(".")[1] ?? "")}${group.suffix ?? ""}.ts`;
}

function visit(model: Model, from: MessageId, see: (id: MessageId) => void): void {
  const seen = new Set<MessageId>();
  const go = (id: MessageId): void => {
    if (seen.has(id)) return;
    seen.add(id);
    see(id);
    for (const dependency of dependencies(model, id)) go(dependency);
  };
  go(from);
}

function postOrder(model: Model, from: MessageId, order: MessageId[]): void {
  const open = new Set<MessageId>();
  const go = (id: MessageId): void => {
    if (order.includes(id) || open.has(id)) return;
    open.add(id);
    for (const dependency of dependencies(model, id)) go(dependency);
    order.push(id);
  };
  go(from);
}
