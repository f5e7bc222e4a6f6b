/** Every controller there is, each with the service account it acts as. */
import type { Clock } from "#base/clock.ts";
import type { Component } from "#base/component.ts";
import type { Log } from "#base/log.ts";
import { own } from "#base/own.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import { clusterRoleAggregationController } from "./cluster-role-aggregation.ts";
import { cronJobController } from "./cron-job.ts";
import { customResourceCleanupController } from "./custom-resource-cleanup.ts";
import { customResourceDefinitionController } from "./custom-resource-definition.ts";
import { daemonSetController } from "./daemon-set.ts";
import { deploymentController } from "./deployment.ts";
import type { Controller } from "./controller.ts";
import { disruptionController } from "./disruption.ts";
import { endpointSliceMirroringController } from "./endpoint-slice-mirroring.ts";
import { endpointSliceController } from "./endpoint-slice.ts";
import { endpointController } from "./endpoint.ts";
import { ephemeralVolumeController } from "./ephemeral-volume.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { jobController } from "./job.ts";
import { localStorageProvisioner } from "./local-storage-provisioner.ts";
import { namespaceController } from "./namespace.ts";
import { nodeIpamController } from "./node-ipam.ts";
import { nodeLifeCycleController } from "./node-life-cycle.ts";
import { persistentVolumeBinder } from "./persistent-volume-binder.ts";
import { podGarbageCollector } from "./pod-garbage.ts";
import { resourceQuotaController } from "./resource-quota.ts";
import { replicaSetController, replicationController } from "./replica-set.ts";
import type { ResourceSource } from "#client/resource-source.ts";
import { rootCaPublisher } from "./root-ca-publisher.ts";
import { runController } from "./runner.ts";
import { serviceAccountController } from "./service-account.ts";
import { staleDisruptionController } from "./stale-disruption.ts";
import { statefulSetController } from "./stateful-set.ts";
import { taintEvictionController } from "./taint-eviction.ts";
import { tokenCleaner } from "./token-cleaner.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished.ts";
import { ttlController } from "./ttl.ts";
import { claimProtection, volumeProtection } from "./volume-protection.ts";

export interface ControllersOptions {
  /** A client that acts as a service account of kube-system. */
  readonly clientFor: (account: string) => Client;
  /** The API server's own client, for what upstream's API server does itself. */
  readonly system: Client;
  readonly recorderFor: (account: string) => Recorder;
  readonly informers: InformerFactory;
  readonly resources: ResourceSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: ControllerSettings;
}

export interface ControllerSettings {
  readonly clusterCidr: string;
  /** PEM of the CA that signed the API server's certificate. */
  readonly rootCa: string;
  /** Folder of local volumes. */
  readonly localStoragePath: string;
  /** Names of controllers that are not to run. */
  readonly disabled: ReadonlySet<string>;
}

/** What users call a part that they switch off. */
const shortNames: Readonly<Record<string, string>> = { "local-storage-provisioner": "local-storage" };

/** One account for all that watches over nodes. */
const nodeAccount = "node-controller";

export function createControllers(all: ControllersOptions): readonly Component[] {
  const { clientFor, system, recorderFor, informers, resources, clock, log, options } = all;
  const run = <O>(controller: Controller<O>, account = controller.name): Component =>
    runController(controller, {
      client: clientFor(account),
      recorder: recorderFor(account),
      informers,
      clock,
      log,
    });
  const components: readonly Component[] = [
    run(serviceAccountController),
    run(rootCaPublisher(options.rootCa)),
    run(clusterRoleAggregationController),
    runController(customResourceDefinitionController, {
      client: system,
      recorder: recorderFor(customResourceDefinitionController.name),
      informers,
      clock,
      log,
    }),
    run(deploymentController),
    run(replicaSetController),
    run(replicationController),
    run(statefulSetController),
    run(daemonSetController()),
    run(jobController),
    run(cronJobController),
    run(ttlAfterFinishedController),
    run(nodeIpamController(options.clusterCidr), nodeAccount),
    run(nodeLifeCycleController(), nodeAccount),
    run(taintEvictionController(), nodeAccount),
    run(ttlController),
    run(disruptionController),
    run(staleDisruptionController, disruptionController.name),
    resourceQuotaController({ ...all, client: clientFor("resourcequota-controller") }),
    run(endpointSliceMirroringController),
    run(tokenCleaner),
    run(persistentVolumeBinder),
    run(claimProtection),
    run(volumeProtection),
    run(ephemeralVolumeController),
    run(localStorageProvisioner(options.localStoragePath)),
    run(endpointController),
    run(endpointSliceController),
    run(podGarbageCollector()),
    garbageCollector({ client: clientFor("generic-garbage-collector"), resources, clock, log }),
    customResourceCleanupController({
      client: system,
      informers,
      resources,
      clock,
      log,
    }),
    namespaceController({ client: clientFor("namespace-controller"), informers, resources, clock, log }),
  ];
  return components.filter(
    ({ name }) => !options.disabled.has(name) && !options.disabled.has(own(shortNames, name) ?? name),
  );
}
