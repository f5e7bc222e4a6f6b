/** Every built-in kind. A kind that is not listed here does not exist. */
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { persistentVolumes } from "./core/persistent-volume.ts";
import { persistentVolumeClaims } from "./core/persistent-volume-claim.ts";
import { pods } from "./core/pod.ts";
import { podTemplates } from "./core/pod-template.ts";
import { replicationControllers } from "./core/replication-controller.ts";
import { services } from "./core/service.ts";
import { serviceAccounts } from "./core/service-account.ts";
import { endpoints } from "./core/endpoints.ts";
import { nodes } from "./core/node.ts";
import { namespaces } from "./core/namespace.ts";
import { bindings } from "./core/binding.ts";
import { events } from "./core/event.ts";
import { limitRanges } from "./core/limit-range.ts";
import { resourceQuotas } from "./core/resource-quota.ts";
import { secrets } from "./core/secret.ts";
import { configMaps } from "./core/config-map.ts";
import { componentStatuses } from "./core/component-status.ts";
import { validatingAdmissionPolicies } from "./admissionregistration/validating-admission-policy.ts";
import { validatingAdmissionPolicyBindings } from "./admissionregistration/validating-admission-policy-binding.ts";
import { validatingWebhookConfigurations } from "./admissionregistration/validating-webhook-configuration.ts";
import { mutatingWebhookConfigurations } from "./admissionregistration/mutating-webhook-configuration.ts";
import { mutatingAdmissionPolicies } from "./admissionregistration/mutating-admission-policy.ts";
import { mutatingAdmissionPolicyBindings } from "./admissionregistration/mutating-admission-policy-binding.ts";
import { statefulSets } from "./apps/stateful-set.ts";
import { deployments } from "./apps/deployment.ts";
import { daemonSets } from "./apps/daemon-set.ts";
import { replicaSets } from "./apps/replica-set.ts";
import { controllerRevisions } from "./apps/controller-revision.ts";
import { tokenReviews } from "./authentication/token-review.ts";
import { tokenRequests } from "./authentication/token-request.ts";
import { selfSubjectReviews } from "./authentication/self-subject-review.ts";
import { subjectAccessReviews } from "./authorization/subject-access-review.ts";
import { selfSubjectAccessReviews } from "./authorization/self-subject-access-review.ts";
import { localSubjectAccessReviews } from "./authorization/local-subject-access-review.ts";
import { selfSubjectRulesReviews } from "./authorization/self-subject-rules-review.ts";
import { horizontalPodAutoscalers as autoscalingV2HorizontalPodAutoscalers } from "./autoscaling/horizontal-pod-autoscaler.ts";
import { horizontalPodAutoscalers as autoscalingV1HorizontalPodAutoscalers } from "./autoscaling/horizontal-pod-autoscaler-v1.ts";
import { scales } from "./autoscaling/scale-v1.ts";
import { jobs } from "./batch/job.ts";
import { cronJobs } from "./batch/cron-job.ts";
import { certificateSigningRequests } from "./certificates/certificate-signing-request.ts";
import { leases } from "./coordination/lease.ts";
import { endpointSlices } from "./discovery/endpoint-slice.ts";
import { events as eventsV1Events } from "./events/event.ts";
import { flowSchemas } from "./flowcontrol/flow-schema.ts";
import { priorityLevelConfigurations } from "./flowcontrol/priority-level-configuration.ts";
import { networkPolicies } from "./networking/network-policy.ts";
import { ingresses } from "./networking/ingress.ts";
import { ingressClasses } from "./networking/ingress-class.ts";
import { ipAddresses } from "./networking/ip-address.ts";
import { serviceCIDRs } from "./networking/service-cidr.ts";
import { runtimeClasses } from "./node/runtime-class.ts";
import { podDisruptionBudgets } from "./policy/pod-disruption-budget.ts";
import { evictions } from "./policy/eviction.ts";
import { roles } from "./rbac/role.ts";
import { roleBindings } from "./rbac/role-binding.ts";
import { clusterRoles } from "./rbac/cluster-role.ts";
import { clusterRoleBindings } from "./rbac/cluster-role-binding.ts";
import { resourceSlices } from "./resource/resource-slice.ts";
import { resourceClaims } from "./resource/resource-claim.ts";
import { deviceClasses } from "./resource/device-class.ts";
import { resourceClaimTemplates } from "./resource/resource-claim-template.ts";
import { priorityClasses } from "./scheduling/priority-class.ts";
import { storageClasses } from "./storage/storage-class.ts";
import { volumeAttachments } from "./storage/volume-attachment.ts";
import { csiDrivers } from "./storage/csi-driver.ts";
import { csiNodes } from "./storage/csi-node.ts";
import { csiStorageCapacities } from "./storage/csi-storage-capacity.ts";
import { volumeAttributesClasses } from "./storage/volume-attributes-class.ts";
import { apiServices } from "./apiregistration/api-service.ts";
import { customResourceDefinitions } from "./apiextensions/custom-resource-definition.ts";

export const catalogue: readonly ResourceDefinition[] = [
  untyped(persistentVolumes),
  untyped(persistentVolumeClaims),
  untyped(pods),
  untyped(podTemplates),
  untyped(replicationControllers),
  untyped(services),
  untyped(serviceAccounts),
  untyped(endpoints),
  untyped(nodes),
  untyped(namespaces),
  untyped(bindings),
  untyped(events),
  untyped(limitRanges),
  untyped(resourceQuotas),
  untyped(secrets),
  untyped(configMaps),
  untyped(componentStatuses),
  untyped(validatingAdmissionPolicies),
  untyped(validatingAdmissionPolicyBindings),
  untyped(validatingWebhookConfigurations),
  untyped(mutatingWebhookConfigurations),
  untyped(mutatingAdmissionPolicies),
  untyped(mutatingAdmissionPolicyBindings),
  untyped(statefulSets),
  untyped(deployments),
  untyped(daemonSets),
  untyped(replicaSets),
  untyped(controllerRevisions),
  untyped(tokenReviews),
  untyped(tokenRequests),
  untyped(selfSubjectReviews),
  untyped(subjectAccessReviews),
  untyped(selfSubjectAccessReviews),
  untyped(localSubjectAccessReviews),
  untyped(selfSubjectRulesReviews),
  untyped(autoscalingV2HorizontalPodAutoscalers),
  untyped(autoscalingV1HorizontalPodAutoscalers),
  untyped(scales),
  untyped(jobs),
  untyped(cronJobs),
  untyped(certificateSigningRequests),
  untyped(leases),
  untyped(endpointSlices),
  untyped(eventsV1Events),
  untyped(flowSchemas),
  untyped(priorityLevelConfigurations),
  untyped(networkPolicies),
  untyped(ingresses),
  untyped(ingressClasses),
  untyped(ipAddresses),
  untyped(serviceCIDRs),
  untyped(runtimeClasses),
  untyped(podDisruptionBudgets),
  untyped(evictions),
  untyped(roles),
  untyped(roleBindings),
  untyped(clusterRoles),
  untyped(clusterRoleBindings),
  untyped(resourceSlices),
  untyped(resourceClaims),
  untyped(deviceClasses),
  untyped(resourceClaimTemplates),
  untyped(priorityClasses),
  untyped(storageClasses),
  untyped(volumeAttachments),
  untyped(csiDrivers),
  untyped(csiNodes),
  untyped(csiStorageCapacities),
  untyped(volumeAttributesClasses),
  untyped(customResourceDefinitions),
  untyped(apiServices),
];
