/**
 * The admission plugins that are on, in upstream's order: quota last, because it counts what the others let through.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#which-plugins-are-enabled-by-default
 */
import type { Cidr } from "#base/cidr.ts";
import type { Clock } from "#base/clock.ts";
import type { Metrics } from "#base/metrics.ts";
import type { Random } from "#base/random.ts";
import type { Client } from "#client/client.ts";
import type { InformerFactory } from "#client/informer.ts";
import type { Recorder } from "#client/recorder.ts";
import type { ObjectKey } from "#machinery/meta.ts";
import { namespaces } from "#resources/core/namespace.ts";
import { nodes } from "#resources/core/node.ts";
import { serviceAccounts } from "#resources/core/service-account.ts";
import { services } from "#resources/core/service.ts";
import { ingressClasses } from "#resources/networking/ingress-class.ts";
import { runtimeClasses } from "#resources/node/runtime-class.ts";
import { priorityClasses } from "#resources/scheduling/priority-class.ts";
import { storageClasses } from "#resources/storage/storage-class.ts";
import type { AdmissionPlugin } from "./access.ts";
import { certificateRequests } from "./admission/certificate-requests.ts";
import { limitRanger } from "./admission/limit-ranger.ts";
import { namespaceLifecycle, namespaceSource } from "./admission/namespace-lifecycle.ts";
import { nodeRestriction } from "./admission/node-restriction.ts";
import { notActedOn } from "./admission/not-acted-on.ts";
import { podSecurity } from "./admission/pod-security.ts";
import { defaultTolerationSeconds, priority, runtimeClass } from "./admission/pod-defaults.ts";
import { rbacEscalation } from "./admission/rbac-escalation.ts";
import { resourceQuota } from "./admission/resource-quota.ts";
import { serviceAccount } from "./admission/service-account.ts";
import { serviceAddresses, type PortRange } from "./admission/service-addresses.ts";
import {
  claimResize,
  ingressClassDefault,
  storageClassDefault,
  storageObjectInUseProtection,
} from "./admission/storage.ts";
import type { Authorization } from "./authorization.ts";
import type { Core } from "./call.ts";
import { podView } from "./pod-view.ts";

export { repairClaims } from "./admission/service-claims.ts";

export interface AdmissionOptions {
  /** Of the server whose writes are admitted. */
  readonly core: Core;
  readonly informers: InformerFactory;
  /** Reads as the server itself, past authorization. */
  readonly client: Client;
  readonly random: Random;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Takes events of the API server itself. */
  readonly recorder: Recorder;
  readonly authorization: Authorization;
  readonly serviceCidr: Cidr;
  readonly nodePorts: PortRange;
  /** Addresses that only one Service may have, each with whose it is. */
  readonly reservedAddresses: ReadonlyMap<string, ObjectKey>;
}

export function createAdmission(options: AdmissionOptions): readonly AdmissionPlugin[] {
  const { informers, client, random, authorization, clock, metrics } = options;
  const namespaceOf = namespaceSource({ informer: informers.informer(namespaces), client });
  return [
    namespaceLifecycle(namespaceOf),
    rbacEscalation({ authorizer: authorization, rules: authorization }),
    serviceAccount({ informer: informers.informer(serviceAccounts), client, random }),
    nodeRestriction({ pods: informers.informer(podView), nodes: informers.informer(nodes) }),
    certificateRequests(authorization),
    limitRanger({ client }),
    defaultTolerationSeconds,
    priority(informers.informer(priorityClasses)),
    runtimeClass(informers.informer(runtimeClasses)),
    storageClassDefault(informers.informer(storageClasses)),
    storageObjectInUseProtection,
    claimResize(informers.informer(storageClasses)),
    ingressClassDefault(informers.informer(ingressClasses)),
    notActedOn(options.recorder),
    podSecurity({ namespaceOf, client, clock, metrics }),
    serviceAddresses({
      informer: informers.informer(services),
      random,
      cidr: options.serviceCidr,
      nodePorts: options.nodePorts,
      reserved: options.reservedAddresses,
      core: options.core,
    }),
    resourceQuota(options.core),
  ];
}
