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

export interface ManifestFile {
  readonly name: string;
  /** Of the content. */
  readonly hash: string;
  readonly text: string;
}

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
  // Sentences already said, by file, so that a broken file is reported once and not every few seconds.
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
      const changed = folder.changed(either);
      const complete = await this.sync(signal);
      const waits = complete ? [changed] : [changed, clock.sleep(retryMs, either)];
      // Whatever comes first; the other is called off, and its rejection says only that.
      await Promise.race(waits).catch(() => undefined);
      change.abort(new Error("the other wait was over first"));
      await Promise.allSettled(waits);
    }
  }

  /** @returns False when something was refused. */
  private async sync(signal: AbortSignal): Promise<boolean> {
    const records = await this.records(signal);
    const files = (await this.options.folder.files()).filter(({ name }) => !this.options.disabled.has(stem(name)));
    let complete = true;
    for (const file of files) {
      const known = records.get(file.name);
      records.delete(file.name);
      if (known?.hash === file.hash) continue;
      complete = (await this.deploy(file, known)) && complete;
    }
    for (const gone of records.values()) complete = (await this.retire(gone)) && complete;
    return complete;
  }

  private async records(signal: AbortSignal): Promise<Map<string, Record>> {
    const { items } = await this.options.client.list(configMaps, { namespace, labelSelector: recordLabel }, signal);
    return new Map(items.map(recordOf).map((record) => [record.file, record]));
  }

  private async deploy(file: ManifestFile, known: Record | undefined): Promise<boolean> {
    try {
      const manifests = objectsOf(file.text, this.options.resources);
      for (const manifest of manifests) await this.apply(manifest);
      const objects = manifests.map(reference);
      await this.prune(known?.objects ?? [], objects);
      await this.write({ file: file.name, hash: file.hash, objects });
      this.said.delete(file.name);
      this.log.info("manifest applied", { file: file.name, objects: objects.length });
      return true;
    } catch (error) {
      this.say(file.name, messageOf(error));
      return false;
    }
  }

  private say(file: string, why: string): void {
    if (this.said.get(file) === why) return;
    this.said.set(file, why);
    this.log.error("manifest not applied; correct the file and it is tried again", { file, why });
  }

  private async apply({ resource, key, body }: Manifest): Promise<void> {
    const patch = { type: "apply", body, force: true } as const;
    await this.options.client.patch({ resource, key }, patch, { fieldManager: manager });
  }

  private async retire(record: Record): Promise<boolean> {
    try {
      await this.prune(record.objects, []);
      await this.options.client.delete(configMaps, { namespace, name: recordName(record.file) });
      this.log.info("manifest removed", { file: record.file, objects: record.objects.length });
      return true;
    } catch (error) {
      this.say(record.file, messageOf(error));
      return false;
    }
  }

  private async prune(before: readonly Reference[], after: readonly Reference[]): Promise<void> {
    const kept = new Set(after.map((one) => JSON.stringify(one)));
    for (const one of before.toReversed()) {
      const resource = this.options.resources.byKind(one.apiVersion, one.kind);
      if (kept.has(JSON.stringify(one)) || !resource) continue;
      try {
        await this.options.client.delete(resource, one, { propagationPolicy: "Background" });
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
      }
    }
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

function recordOf({ data = {} }: ConfigMap): Record {
  // Only `write` makes ConfigMaps with this label.
  const objects = JSON.parse(data["objects"] ?? "[]") as Reference[];
  return { file: data["file"] ?? "", hash: data["hash"] ?? "", objects };
}

function recordName(file: string): string {
  return `manifest-${file.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, "-")}`;
}

function stem(file: string): string {
  return (file.split("/").at(-1) ?? "").replace(/\.(?:ya?ml|json)$/, "");
}
