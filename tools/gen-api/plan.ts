/**
 * What the generator scaffolds: which kinds of which groups, and where shared messages go. Facts that are not in the
 * Go types (short names, categories) stand here.
 */

export interface GroupPlan {
  /** API group, "" for core. */
  readonly group: string;
  readonly version: string;
  /** Folder under src/resources, and of the Go package. */
  readonly folder: string;
  readonly goPath: string;
  /** Go import alias by which other packages know it. */
  readonly alias: string;
  /** Prefix of OpenAPI names. */
  readonly openApi: string;
  /** Suffix of file names, to keep two versions of a group apart. */
  readonly suffix?: string;
}

const api = (folder: string, group: string, version = "v1"): GroupPlan => ({
  group,
  version,
  folder,
  goPath: `api/${folder}/${version}`,
  alias: folder === "core" ? "v1" : `${folder}${version}`,
  openApi: `api.${folder}.${version}`,
});

export const groups: readonly GroupPlan[] = [
  api("core", ""),
  api("admissionregistration", "admissionregistration.k8s.io"),
  api("apps", "apps"),
  api("authentication", "authentication.k8s.io"),
  api("authorization", "authorization.k8s.io"),
  api("autoscaling", "autoscaling", "v2"),
  { ...api("autoscaling", "autoscaling"), suffix: "-v1" },
  api("batch", "batch"),
  api("certificates", "certificates.k8s.io"),
  api("coordination", "coordination.k8s.io"),
  api("discovery", "discovery.k8s.io"),
  api("events", "events.k8s.io"),
  api("flowcontrol", "flowcontrol.apiserver.k8s.io"),
  api("networking", "networking.k8s.io"),
  api("node", "node.k8s.io"),
  api("policy", "policy"),
  api("rbac", "rbac.authorization.k8s.io"),
  api("resource", "resource.k8s.io"),
  api("scheduling", "scheduling.k8s.io"),
  api("storage", "storage.k8s.io"),
  {
    group: "apiextensions.k8s.io",
    version: "v1",
    folder: "apiextensions",
    goPath: "apiextensions-apiserver/pkg/apis/apiextensions/v1",
    alias: "apiextensionsv1",
    openApi: "apiextensions-apiserver.pkg.apis.apiextensions.v1",
  },
];

/** Kinds without `+genclient`. */
export const extraKinds: Readonly<Record<string, readonly string[]>> = {
  "core/v1": ["Binding"],
  "autoscaling/v1": ["Scale"],
  "authentication/v1": ["TokenRequest"],
};

export const shortNames: Readonly<Record<string, readonly string[]>> = {
  ComponentStatus: ["cs"],
  ConfigMap: ["cm"],
  Endpoints: ["ep"],
  Event: ["ev"],
  LimitRange: ["limits"],
  Namespace: ["ns"],
  Node: ["no"],
  PersistentVolumeClaim: ["pvc"],
  PersistentVolume: ["pv"],
  Pod: ["po"],
  ReplicationController: ["rc"],
  ResourceQuota: ["quota"],
  ServiceAccount: ["sa"],
  Service: ["svc"],
  CustomResourceDefinition: ["crd", "crds"],
  DaemonSet: ["ds"],
  Deployment: ["deploy"],
  ReplicaSet: ["rs"],
  StatefulSet: ["sts"],
  HorizontalPodAutoscaler: ["hpa"],
  CronJob: ["cj"],
  CertificateSigningRequest: ["csr"],
  Ingress: ["ing"],
  NetworkPolicy: ["netpol"],
  IPAddress: ["ip"],
  PodDisruptionBudget: ["pdb"],
  PriorityClass: ["pc"],
  StorageClass: ["sc"],
  VolumeAttributesClass: ["vac"],
};

export const categories: Readonly<Record<string, readonly string[]>> = {
  Pod: ["all"],
  ReplicationController: ["all"],
  Service: ["all"],
  DaemonSet: ["all"],
  Deployment: ["all"],
  ReplicaSet: ["all"],
  StatefulSet: ["all"],
  HorizontalPodAutoscaler: ["all"],
  CronJob: ["all"],
  Job: ["all"],
  CustomResourceDefinition: ["api-extensions"],
  APIService: ["api-extensions"],
  MutatingWebhookConfiguration: ["api-extensions"],
  ValidatingWebhookConfiguration: ["api-extensions"],
  ValidatingAdmissionPolicy: ["api-extensions"],
  ValidatingAdmissionPolicyBinding: ["api-extensions"],
  MutatingAdmissionPolicy: ["api-extensions"],
  MutatingAdmissionPolicyBinding: ["api-extensions"],
};

/** Files of messages that several kinds of core share, or that are too many for their kind's file. */
const coreFiles: Readonly<Record<string, string>> = {
  "pod-spec":
    "PodSpec PodDNSConfig PodDNSConfigOption HostAlias PodReadinessGate PodOS PodSchedulingGate PodResourceClaim PodSchedulingGroup TopologySpreadConstraint PodTemplateSpec Toleration",
  container:
    "Container EphemeralContainer EphemeralContainerCommon ContainerPort VolumeMount VolumeDevice ContainerResizePolicy ContainerRestartRule ContainerRestartRuleOnExitCodes ResourceRequirements ResourceClaim",
  environment:
    "EnvVar EnvVarSource EnvFromSource ObjectFieldSelector ResourceFieldSelector ConfigMapKeySelector SecretKeySelector FileKeySelector ConfigMapEnvSource SecretEnvSource",
  probe:
    "Probe ProbeHandler ExecAction HTTPGetAction HTTPHeader TCPSocketAction GRPCAction Lifecycle LifecycleHandler SleepAction",
  security:
    "PodSecurityContext SecurityContext Capabilities SELinuxOptions SeccompProfile AppArmorProfile WindowsSecurityContextOptions Sysctl",
  affinity:
    "Affinity NodeAffinity PodAffinity PodAntiAffinity NodeSelector NodeSelectorTerm NodeSelectorRequirement PreferredSchedulingTerm PodAffinityTerm WeightedPodAffinityTerm",
  references:
    "LocalObjectReference ObjectReference SecretReference TypedLocalObjectReference TypedObjectReference TopologySelectorTerm TopologySelectorLabelRequirement",
  volume: "Volume VolumeSource EphemeralVolumeSource",
  "volume-sources":
    "HostPathVolumeSource EmptyDirVolumeSource NFSVolumeSource ConfigMapVolumeSource SecretVolumeSource ProjectedVolumeSource VolumeProjection ConfigMapProjection SecretProjection DownwardAPIProjection DownwardAPIVolumeSource DownwardAPIVolumeFile ServiceAccountTokenProjection ClusterTrustBundleProjection PodCertificateProjection KeyToPath CSIVolumeSource PersistentVolumeClaimVolumeSource ImageVolumeSource",
  "volume-sources-legacy":
    "GCEPersistentDiskVolumeSource AWSElasticBlockStoreVolumeSource GitRepoVolumeSource ISCSIVolumeSource GlusterfsVolumeSource RBDVolumeSource FlexVolumeSource CinderVolumeSource CephFSVolumeSource FlockerVolumeSource FCVolumeSource AzureFileVolumeSource VsphereVirtualDiskVolumeSource QuobyteVolumeSource AzureDiskVolumeSource PhotonPersistentDiskVolumeSource PortworxVolumeSource ScaleIOVolumeSource StorageOSVolumeSource",
  "persistent-volume-sources":
    "PersistentVolumeSource PersistentVolumeSpec VolumeNodeAffinity ISCSIPersistentVolumeSource GlusterfsPersistentVolumeSource RBDPersistentVolumeSource FlexPersistentVolumeSource CinderPersistentVolumeSource CephFSPersistentVolumeSource AzureFilePersistentVolumeSource ScaleIOPersistentVolumeSource StorageOSPersistentVolumeSource CSIPersistentVolumeSource LocalVolumeSource",
  "persistent-volume-claim-spec": "PersistentVolumeClaimSpec VolumeResourceRequirements PersistentVolumeClaimTemplate",
  "pod-status":
    "PodStatus PodCondition PodIP HostIP ContainerStatus ContainerState ContainerStateRunning ContainerStateTerminated ContainerStateWaiting VolumeMountStatus PodResourceClaimStatus PodExtendedResourceClaimStatus ContainerExtendedResourceRequest ResourceStatus ResourceHealth ContainerUser LinuxContainerUser ImageVolumeStatus VolumeStatus NodeAllocatableResourceClaimStatus NodeAllocatableResource",
};

export const placed: ReadonlyMap<string, string> = new Map(
  Object.entries(coreFiles).flatMap(([file, names]) =>
    names.split(" ").map((name) => [`core/v1.${name}`, file] as const),
  ),
);
