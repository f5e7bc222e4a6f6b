/**
 * A role for each controller, bound to the service account of its name in kube-system: what a controller may do is
 * what it needs.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles
 */
import { rbacAutoupdate, rule, type DefaultBinding, type DefaultRole, type DefaultRules } from "./role-table.ts";

const read = "get list watch";
const event = rule("create patch update", " events.k8s.io", "events");
const pods = "create delete get list patch update watch";

const rulesByController: Readonly<Record<string, DefaultRules>> = {
  "attachdetach-controller": [
    rule("list watch", "", "persistentvolumes persistentvolumeclaims"),
    rule(read, "", "nodes"),
    rule("patch update", "", "nodes/status"),
    rule("list watch", "", "pods"),
    event,
    rule("create delete get list watch", "storage.k8s.io", "volumeattachments"),
    rule(read, "storage.k8s.io", "csidrivers csinodes"),
  ],
  "certificate-controller": [
    rule("delete get list watch", "certificates.k8s.io", "certificatesigningrequests"),
    rule("update", "certificates.k8s.io", "certificatesigningrequests/status certificatesigningrequests/approval"),
    rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
    rule(
      "sign",
      "certificates.k8s.io",
      "signers",
      "kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving",
    ),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    event,
  ],
  "clusterrole-aggregation-controller": [
    rule("escalate get list patch update watch", "rbac.authorization.k8s.io", "clusterroles"),
  ],
  "cronjob-controller": [
    rule("get list update watch", "batch", "cronjobs"),
    rule("create delete get list patch update watch", "batch", "jobs"),
    rule("update patch", "batch", "cronjobs/status"),
    rule("update", "batch", "cronjobs/finalizers"),
    rule("delete list", "", "pods"),
    event,
  ],
  "daemon-set-controller": [
    rule(read, "apps", "daemonsets"),
    rule("update patch", "apps", "daemonsets/status"),
    rule("update", "apps", "daemonsets/finalizers"),
    rule("list watch", "", "nodes"),
    rule(pods, "", "pods"),
    rule("create", "", "pods/binding"),
    rule("create delete get list patch update watch", "apps", "controllerrevisions"),
    event,
  ],
  "deployment-controller": [
    rule("get list update watch", "apps", "deployments"),
    rule("update patch", "apps", "deployments/status"),
    rule("update", "apps", "deployments/finalizers"),
    rule("create delete get list patch update watch", "apps", "replicasets"),
    rule("get list update watch", "", "pods"),
    event,
  ],
  "disruption-controller": [
    rule(read, "apps", "deployments replicasets statefulsets"),
    rule(read, "", "replicationcontrollers pods"),
    rule("list watch", "policy", "poddisruptionbudgets"),
    rule("update patch", "policy", "poddisruptionbudgets/status"),
    rule("patch update", "", "pods/status"),
    rule("get", "*", "*/scale"),
    event,
  ],
  "endpoint-controller": [
    rule(read, "", "services pods"),
    rule("create delete get list update patch watch", "", "endpoints"),
    rule("create", "", "endpoints/restricted"),
    event,
  ],
  "endpointslice-controller": [
    rule(read, "", "services pods nodes"),
    rule("update", "", "services/finalizers"),
    rule("create delete get list update patch watch", "discovery.k8s.io", "endpointslices"),
    rule("create", "discovery.k8s.io", "endpointslices/restricted"),
    event,
  ],
  "endpointslicemirroring-controller": [
    rule(read, "", "services endpoints"),
    rule("update", "", "services/finalizers endpoints/finalizers"),
    rule("create delete get list update patch watch", "discovery.k8s.io", "endpointslices"),
    event,
  ],
  "ephemeral-volume-controller": [
    rule(read, "", "pods"),
    rule("update", "", "pods/finalizers"),
    rule("create get list watch", "", "persistentvolumeclaims"),
    event,
  ],
  "generic-garbage-collector": [rule("delete get list patch update watch", "*", "*"), event],
  "horizontal-pod-autoscaler": [
    rule(read, "autoscaling", "horizontalpodautoscalers"),
    rule("update", "autoscaling", "horizontalpodautoscalers/status"),
    rule("get update", "*", "*/scale"),
    rule("list", "", "pods"),
    rule("list", "metrics.k8s.io", "pods"),
    rule("get list", "custom.metrics.k8s.io external.metrics.k8s.io", "*"),
    event,
  ],
  "job-controller": [
    rule("get list patch update watch", "batch", "jobs"),
    rule("update patch", "batch", "jobs/status"),
    rule("update", "batch", "jobs/finalizers"),
    rule(pods, "", "pods"),
    event,
  ],
  "local-storage-provisioner": [
    rule("create delete get list patch update watch", "", "persistentvolumes"),
    rule("get list patch update watch", "", "persistentvolumeclaims"),
    rule("create get list watch", "storage.k8s.io", "storageclasses"),
    rule(read, "", "nodes namespaces"),
    event,
  ],
  "namespace-controller": [
    rule("delete get list watch", "", "namespaces"),
    rule("patch update", "", "namespaces/finalize namespaces/status"),
    rule("delete deletecollection get list", "*", "*"),
  ],
  "node-controller": [
    rule("delete get list patch update watch", "", "nodes"),
    rule("patch update", "", "nodes/status"),
    rule("patch update", "", "pods/status"),
    rule("delete get list watch", "", "pods"),
    rule(read, "coordination.k8s.io", "leases"),
    event,
  ],
  "persistent-volume-binder": [
    rule("create delete get list update patch watch", "", "persistentvolumes"),
    rule("update patch", "", "persistentvolumes/status"),
    rule("get list update patch watch", "", "persistentvolumeclaims"),
    rule("update patch", "", "persistentvolumeclaims/status"),
    rule(read, "", "pods nodes"),
    rule(read, "storage.k8s.io", "storageclasses"),
    event,
  ],
  "pod-garbage-collector": [
    rule("delete list watch", "", "pods"),
    rule(read, "", "nodes"),
    rule("patch update", "", "pods/status"),
  ],
  "pv-protection-controller": [rule("get list update patch watch", "", "persistentvolumes"), event],
  "pvc-protection-controller": [
    rule("get list update patch watch", "", "persistentvolumeclaims"),
    rule(read, "", "pods"),
    event,
  ],
  "replicaset-controller": [
    rule("get list update watch", "apps", "replicasets"),
    rule("update patch", "apps", "replicasets/status"),
    rule("update", "apps", "replicasets/finalizers"),
    rule(pods, "", "pods"),
    event,
  ],
  "replication-controller": [
    rule("get list update watch", "", "replicationcontrollers"),
    rule("update patch", "", "replicationcontrollers/status"),
    rule("update", "", "replicationcontrollers/finalizers"),
    rule(pods, "", "pods"),
    event,
  ],
  "resourcequota-controller": [rule("list watch", "*", "*"), rule("update patch", "", "resourcequotas/status"), event],
  "root-ca-cert-publisher": [
    rule("create update patch", "", "configmaps"),
    rule(read, "", "namespaces configmaps"),
    event,
  ],
  "service-account-controller": [
    rule("create", "", "serviceaccounts"),
    rule(read, "", "namespaces serviceaccounts"),
    event,
  ],
  "statefulset-controller": [
    rule("list watch", "", "pods"),
    rule(read, "apps", "statefulsets"),
    rule("update patch", "apps", "statefulsets/status"),
    rule("update", "apps", "statefulsets/finalizers"),
    rule("create delete get patch update", "", "pods"),
    rule("create delete get list patch update watch", "apps", "controllerrevisions"),
    rule("create delete get list patch update watch", "", "persistentvolumeclaims"),
    event,
  ],
  "token-cleaner": [rule("delete get list watch", "", "secrets"), event],
  "ttl-after-finished-controller": [rule("delete get list watch", "batch", "jobs"), event],
  "ttl-controller": [rule("list patch update watch", "", "nodes"), event],
};

/** Controllers that may watch anything they act on through shared informers. */
export const controllerNames: readonly string[] = Object.keys(rulesByController);

export const controllerRoles: readonly DefaultRole[] = Object.entries(rulesByController).map(([name, rules]) =>
  rbacAutoupdate({ name: `system:controller:${name}`, rules }),
);

export const controllerRoleBindings: readonly DefaultBinding[] = controllerNames.map((name) => ({
  name: `system:controller:${name}`,
  role: `system:controller:${name}`,
  serviceAccounts: [name],
}));
