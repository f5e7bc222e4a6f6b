/** Controllers and scheduler of this process, each a component with a client of its own. */
import { join } from "node:path";
import { manifestDeployer } from "#addons/manifests.ts";
import { supervise, type Component } from "#base/component.ts";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import { serviceAccountUser } from "#apiserver/authentication.ts";
import type { Client } from "#client/client.ts";
import { EventRecorder } from "#client/event-recorder.ts";
import { createControllers } from "#controllers/all.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import { createScheduler } from "#scheduler/scheduler.ts";
import type { Config } from "../config.ts";
import type { Api } from "./api.ts";
import { openManifestFolder } from "./manifest-folder.ts";

export interface ControlPlaneOptions {
  readonly api: Api;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  /** What `/metrics` shows. */
  readonly metrics: Metrics;
  /** PEM of the CA that signed the API server's certificate. */
  readonly rootCa: string;
  readonly localStoragePath: string;
}

/** Runs until the signal is aborted. */
export async function runControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<void> {
  const { api, clock, log, config } = options;
  const resources = resourceSource(api);
  const manifests = manifestDeployer({
    folder: openManifestFolder(join(config.dataDir, "server/manifests"), clock),
    client: api.system,
    resources,
    clock,
    log,
    disabled: new Set(config.disable),
  });
  const parts = [...controlPlane({ ...options, ...api, resources }), api.recorder, manifests];
  await Promise.all(parts.map((component) => supervise(component, { clock, log }, signal)));
}

/** What it needs of the API. */
type ApiParts = Pick<Api, "clientFor" | "system" | "informers"> & { readonly resources: ResourceSource };

/** Controllers and scheduler with the recorders of their events. */
export function controlPlane(options: Omit<ControlPlaneOptions, "api"> & ApiParts): readonly Component[] {
  const { clock, log, config, informers, system, resources } = options;
  const recorders: EventRecorder[] = [];
  const recorderOf = (client: Client, component: string): EventRecorder => {
    const recorder = new EventRecorder({ client, clock, log, source: { component } });
    recorders.push(recorder);
    return recorder;
  };
  const clientFor = (account: string): Client => options.clientFor(serviceAccountUser("kube-system", account));
  const controllers = createControllers({
    clientFor,
    system,
    recorderFor: (component) => recorderOf(clientFor(component), component),
    informers,
    resources,
    clock,
    log,
    options: {
      clusterCidr: config.clusterCidr,
      rootCa: options.rootCa,
      localStoragePath: options.localStoragePath,
      disabled: new Set(config.disable),
    },
  });
  const client = options.clientFor({ name: "system:kube-scheduler", groups: ["system:authenticated"] });
  const scheduler = createScheduler({
    client,
    informers,
    recorder: recorderOf(client, "default-scheduler"),
    clock,
    random: options.random,
    log,
    metrics: options.metrics,
  });
  return [...controllers, scheduler, ...recorders];
}

/** The resources the API server has now; custom ones come and go. */
export function resourceSource(api: Api): ResourceSource {
  const all = (): readonly ResourceDefinition[] =>
    [...api.server.server.registry.all()].map(({ definition }) => definition);
  return {
    all,
    byKind: (apiVersion, kind) => {
      const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
      return all().find((one) => one.group === group && one.kind === kind);
    },
    onChange: (handler, signal) => {
      handler(all());
      api.server.server.registry.onChange(() => handler(all()), signal);
    },
  };
}
