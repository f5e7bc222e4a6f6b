/**
 * Applies the manifests of a folder and keeps the cluster in step with it: a file that changes is applied again, what
 * was in a file and is not any more is deleted, and a file that cannot be read stops nothing else.
 *
 * What each file brought is written in a ConfigMap beside it, so that pruning works after a restart, too.
 *
 * @see https://docs.k3s.io/installation/packaged-components#auto-deploying-manifests-addons (kedge prunes as well)
 */
import { messageOf } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import type { Client } from "#client/client.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { isObject } from "#machinery/json-object.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { isReason } from "#machinery/status.ts";
import { configMaps, type ConfigMap } from "#resources/core/config-map.ts";
import { objectsOf, reference, type Manifest, type Reference } from "./manifests/objects.ts";

/** The folder, as something that is given. */
export interface ManifestFolder {
  /** Files by name, subfolders included, sorted. A file that is being written is left out until it is whole. */
  files(): Promise<readonly ManifestFile[]>;
  /** Resolves at the next change of the folder. */
  changed(signal: AbortSignal): Promise<void>;
}

export type ManifestFile =
  | {
      readonly name: string;
      /** Of the content. */
      readonly hash: string;
      readonly text: string;
    }
  /** It is there and cannot be read: what it brought stays. */
  | { readonly name: string; readonly problem: string }
  /** Somebody wants it left as it is, with what it brought. */
  | { readonly name: string; readonly skipped: true };

export interface ManifestsOptions {
  readonly folder: ManifestFolder;
  readonly client: Client;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Names of files, without their ending, whose objects are to be removed. */
  readonly disabled: ReadonlySet<string>;
}

const namespace = "kube-system";
const recordLabel = "kedge.io/manifest";
const fileAnnotation = "kedge.io/manifest-file";
const manager = "kedge-manifests";
// A file that was refused is tried again: what it needs may come later.
const retryMs = 15_000;

/** What a file brought, and from which content. */
interface Record {
  readonly file: string;
  readonly hash: string;
  readonly objects: readonly Reference[];
}

export function manifestDeployer(options: ManifestsOptions): Component {
  return { name: "manifests", run: (signal) => new Deployer(options).run(signal) };
}

class Deployer {
  private readonly options: ManifestsOptions;
  private readonly log: Log;
  // Sentences already said, by file, so that a broken file is reported once and not every few seconds. What is neither a
  // file nor a record any more is forgotten.
  private readonly said = new Map<string, string>();

  constructor(options: ManifestsOptions) {
    this.options = options;
    this.log = options.log.for("manifests");
  }

  async run(signal: AbortSignal): Promise<void> {
    const { folder, clock } = this.options;
    while (!signal.aborted) {
      const change = new AbortController();
      const either = AbortSignal.any([signal, change.signal]);
      const changed = this.hear(folder.changed(either), either);
      // It may be called off before it is waited for.
      changed.catch(() => undefined);
      const complete = await this.sync(signal);
      const waits = complete ? [changed] : [changed, clock.sleep(retryMs, either)];
      // Whatever comes first; the other is called off, and its rejection says only that.
      await Promise.race(waits).catch(() => undefined);
      change.abort(new Error("the other wait was over first"));
      await Promise.allSettled(waits);
    }
  }

  /** A folder that cannot be watched, for instance because nothing more can be, is looked at now and then. */
  private async hear(changed: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await changed;
    } catch (error) {
      if (signal.aborted) throw error;
      this.say("the folder", `its changes cannot be heard of: ${messageOf(error)}`);
      await this.options.clock.sleep(retryMs, signal);
    }
  }

  /** @returns False when something was refused. */
  private async sync(signal: AbortSignal): Promise<boolean> {
    const records = await this.records(signal);
    const files = (await this.options.folder.files()).filter(({ name }) => !this.options.disabled.has(stem(name)));
    const written: Record[] = [];
    // What some file brings is pruned by none, so that objects may move from one to another, and files be renamed.
    const held = new Set<string>();
    let complete = true;
    for (const file of files) {
      const known = records.get(file.name);
      const stays = "skipped" in file || ("hash" in file && known?.hash === file.hash);
      const record = stays ? known : await this.deploy(file);
      if (record && record !== known) written.push(record);
      if (!record && !stays) complete = false;
      for (const one of record?.objects ?? known?.objects ?? []) held.add(idOf(one));
    }
    for (const record of written) complete = (await this.finish(record, records.get(record.file), held)) && complete;
    const there = new Set(files.map(({ name }) => name));
    for (const gone of records.values())
      if (!there.has(gone.file)) complete = (await this.retire(gone, held)) && complete;
    for (const file of this.said.keys()) if (!there.has(file) && !records.has(file)) this.said.delete(file);
    return complete;
  }

  private async records(signal: AbortSignal): Promise<Map<string, Record>> {
    const { items } = await this.options.client.list(configMaps, { namespace, labelSelector: recordLabel }, signal);
    return new Map(items.flatMap((item) => recordOf(item) ?? []).map((record) => [record.file, record]));
  }

  /** @returns What the file brings; undefined when it was refused. */
  private async deploy(file: Exclude<ManifestFile, { skipped: true }>): Promise<Record | undefined> {
    try {
      if ("problem" in file) throw new Error(file.problem);
      const manifests = objectsOf(file.text, this.options.resources);
      for (const manifest of manifests) await this.apply(manifest, file.name);
      return { file: file.name, hash: file.hash, objects: manifests.map(reference) };
    } catch (error) {
      this.say(file.name, messageOf(error));
      return undefined;
    }
  }

  private async finish(record: Record, known: Record | undefined, held: ReadonlySet<string>): Promise<boolean> {
    try {
      await this.prune(known?.objects ?? [], held);
      await this.write(record);
      this.said.delete(record.file);
      this.log.info("manifest applied", { file: record.file, objects: record.objects.length });
      return true;
    } catch (error) {
      this.say(record.file, messageOf(error));
      return false;
    }
  }

  private say(file: string, why: string): void {
    if (this.said.get(file) === why) return;
    this.said.set(file, why);
    this.log.error("manifest not applied; correct the file and it is tried again", { file, why });
  }

  /** With a word about where it is from: an object without any field of its own is known to be ours by that, too. */
  private async apply({ resource, key, body }: Manifest, file: string): Promise<void> {
    const metadata = isObject(body["metadata"]) ? body["metadata"] : {};
    const annotations = isObject(metadata["annotations"]) ? metadata["annotations"] : {};
    const marked = { ...body, metadata: { ...metadata, annotations: { ...annotations, [fileAnnotation]: file } } };
    const patch = { type: "apply", body: marked, force: true } as const;
    await this.options.client.patch({ resource, key }, patch, { fieldManager: manager });
  }

  private async retire(record: Record, held: ReadonlySet<string>): Promise<boolean> {
    try {
      await this.prune(record.objects, held);
      await this.options.client.delete(configMaps, { namespace, name: recordName(record.file) });
      this.said.delete(record.file);
      this.log.info("manifest removed", { file: record.file, objects: record.objects.length });
      return true;
    } catch (error) {
      if (isReason(error, "NotFound")) return true;
      this.say(record.file, messageOf(error));
      return false;
    }
  }

  private async prune(before: readonly Reference[], held: ReadonlySet<string>): Promise<void> {
    for (const one of before.toReversed()) {
      const resource = this.options.resources.byKind(one.apiVersion, one.kind);
      if (held.has(idOf(one)) || !resource) continue;
      try {
        await this.remove(resource, one);
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    }
  }

  /** Records are ConfigMaps that others may write: nothing goes for their word that was not brought here. */
  private async remove(resource: ResourceDefinition, key: Reference): Promise<void> {
    const { client } = this.options;
    const { uid, managedFields } = (await client.get(resource, key)).metadata;
    if (managedFields?.some((one) => one.manager === manager) !== true) {
      this.log.warn("an object that no manifest brought stays", { kind: key.kind, name: key.name });
      return;
    }
    await client.delete(resource, key, { propagationPolicy: "Background", ...(uid === undefined ? {} : { uid }) });
  }

  private async write(record: Record): Promise<void> {
    const name = recordName(record.file);
    const body = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name, labels: { [recordLabel]: "true" } },
      data: { file: record.file, hash: record.hash, objects: JSON.stringify(record.objects) },
    };
    const patch = { type: "apply", body, force: true } as const;
    await this.options.client.patch({ resource: configMaps, key: { namespace, name } }, patch, {
      fieldManager: manager,
    });
  }
}

/** Undefined for what is no record: whoever may write ConfigMaps there may have put the label on anything. */
function recordOf({ data = {} }: ConfigMap): Record | undefined {
  const { file, hash = "", objects = "" } = data;
  if (file === undefined) return undefined;
  let read: unknown;
  try {
    read = JSON.parse(objects);
  } catch {
    return undefined; // Not what `write` wrote.
  }
  return Array.isArray(read) ? { file, hash, objects: read.filter(isReference) } : undefined;
}

function isReference(value: unknown): value is Reference {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind, namespace: home, name } = value as { readonly [Part in keyof Reference]?: unknown };
  return [apiVersion, kind, home, name].every((part) => typeof part === "string");
}

/** An object by its name, whichever version of its kind names it. */
function idOf({ apiVersion, kind, namespace: home, name }: Reference): string {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return JSON.stringify([group, kind, home, name]);
}

function recordName(file: string): string {
  return `manifest-${file.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, "-")}`;
}

function stem(file: string): string {
  return (file.split("/").at(-1) ?? "").replace(/\.(?:ya?ml|json)$/, "");
}
