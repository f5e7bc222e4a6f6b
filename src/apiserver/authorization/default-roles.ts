/**
 * The roles every cluster starts with, as the specification names them. They are written at start and brought back
 * when rules are missing, unless their annotation says otherwise.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
 */
import { rbacAutoupdate, rule, paths, type DefaultBinding, type DefaultRole, type DefaultRules } from "./role-table.ts";

const read = "get list watch";
const write = "create delete deletecollection patch update";
const readWrite = `${read} ${write}`;
const aggregates = (to: string): Readonly<Record<string, string>> => ({
  [`rbac.authorization.k8s.io/aggregate-to-${to}`]: "true",
});
const aggregation = (to: string): readonly Readonly<Record<string, string>>[] => [aggregates(to)];

const leasesOf = (name: string): DefaultRules => [
  rule("create watch", "coordination.k8s.io", "leases"),
  rule("get update", "coordination.k8s.io", "leases", name),
];
const event = rule("create patch update", " events.k8s.io", "events");

const userRoles: readonly DefaultRole[] = [
  { name: "cluster-admin", rules: [rule("*", "*", "*"), paths("*", "*")] },
  {
    name: "system:discovery",
    rules: [paths("get", "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")],
  },
  { name: "system:public-info-viewer", rules: [paths("get", "/healthz /livez /readyz /version /version/")] },
  {
    name: "system:monitoring",
    rules: [paths("get", "/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*")],
  },
  {
    name: "system:basic-user",
    rules: [
      rule("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
      rule("create", "authentication.k8s.io", "selfsubjectreviews"),
    ],
  },
  {
    name: "system:auth-delegator",
    rules: [
      rule("create", "authentication.k8s.io", "tokenreviews"),
      rule("create", "authorization.k8s.io", "subjectaccessreviews"),
    ],
  },
  {
    name: "system:service-account-issuer-discovery",
    rules: [
      paths(
        "get",
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      ),
    ],
  },
  {
    name: "system:heapster",
    rules: [rule(read, "", "events pods nodes namespaces"), rule(read, "apps", "deployments")],
  },
  { name: "admin", aggregation: aggregation("admin"), rules: [] },
  { name: "edit", labels: aggregates("admin"), aggregation: aggregation("edit"), rules: [] },
  { name: "view", labels: aggregates("edit"), aggregation: aggregation("view"), rules: [] },
  {
    name: "system:aggregate-to-admin",
    labels: aggregates("admin"),
    rules: [
      rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
      rule(readWrite, "rbac.authorization.k8s.io", "roles rolebindings"),
    ],
  },
  {
    name: "system:aggregate-to-edit",
    labels: aggregates("edit"),
    rules: [
      rule(read, "", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
      rule("impersonate", "", "serviceaccounts"),
      rule(write, "", "pods pods/attach pods/exec pods/portforward pods/proxy"),
      rule("create", "", "pods/eviction"),
      rule(
        write,
        "",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
      ),
      rule("create", "", "serviceaccounts/token"),
      rule(
        write,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
      ),
      rule(write, "autoscaling", "horizontalpodautoscalers"),
      rule(write, "batch", "cronjobs jobs"),
      rule(write, "policy", "poddisruptionbudgets"),
      rule(write, "networking.k8s.io", "ingresses networkpolicies"),
      rule(readWrite, "coordination.k8s.io", "leases"),
      rule(write, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
    ],
  },
  {
    name: "system:aggregate-to-view",
    labels: aggregates("view"),
    rules: [
      rule(
        read,
        "",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
      ),
      rule(
        read,
        "",
        "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
      ),
      rule(read, "", "namespaces"),
      rule(read, "discovery.k8s.io", "endpointslices"),
      rule(
        read,
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
      ),
      rule(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
      rule(read, "batch", "cronjobs cronjobs/status jobs jobs/status"),
      rule(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
      rule(read, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
      rule(read, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
    ],
  },
];

const componentRoles: readonly DefaultRole[] = [
  {
    name: "system:node",
    rules: [
      rule("create", "authentication.k8s.io", "tokenreviews"),
      rule("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
      rule(read, "", "services"),
      rule("create get list watch", "", "nodes"),
      rule("patch update", "", "nodes nodes/status"),
      event,
      rule(read, "", "pods"),
      rule("create delete", "", "pods"),
      rule("patch update", "", "pods/status"),
      rule("create", "", "pods/eviction"),
      rule(read, "", "configmaps secrets"),
      rule("get", "", "persistentvolumeclaims persistentvolumes endpoints"),
      rule("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
      rule("create delete get patch update", "coordination.k8s.io", "leases"),
      rule("get", "storage.k8s.io", "volumeattachments"),
      rule("create", "", "serviceaccounts/token"),
      rule("get patch update", "", "persistentvolumeclaims/status"),
      rule(read, "storage.k8s.io", "csidrivers"),
      rule("create delete get patch update", "storage.k8s.io", "csinodes"),
      rule(read, "node.k8s.io", "runtimeclasses"),
      rule("get", "resource.k8s.io", "resourceclaims"),
      rule("deletecollection list watch get create update patch delete", "resource.k8s.io", "resourceslices"),
    ],
  },
  {
    name: "system:node-proxier",
    rules: [
      rule("list watch", "", "services endpoints"),
      rule(read, "", "nodes"),
      event,
      rule("list watch", "discovery.k8s.io", "endpointslices"),
      rule("list watch", "networking.k8s.io", "servicecidrs"),
    ],
  },
  { name: "system:node-problem-detector", rules: [rule("get", "", "nodes"), rule("patch", "", "nodes/status"), event] },
  {
    name: "system:node-bootstrapper",
    rules: [rule("create get list watch", "certificates.k8s.io", "certificatesigningrequests")],
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    rules: [rule("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient")],
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    rules: [rule("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient")],
  },
  {
    name: "system:certificates.k8s.io:kube-apiserver-client-approver",
    rules: [rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client")],
  },
  {
    name: "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
    rules: [rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet")],
  },
  {
    name: "system:certificates.k8s.io:kubelet-serving-approver",
    rules: [rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/kubelet-serving")],
  },
  {
    name: "system:certificates.k8s.io:legacy-unknown-approver",
    rules: [rule("approve", "certificates.k8s.io", "signers", "kubernetes.io/legacy-unknown")],
  },
  {
    name: "system:kubelet-api-admin",
    rules: [
      rule(read, "", "nodes"),
      rule("proxy", "", "nodes"),
      rule("*", "", "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats"),
    ],
  },
  {
    name: "system:persistent-volume-provisioner",
    rules: [
      rule("create delete get list watch", "", "persistentvolumes"),
      rule("get list update watch", "", "persistentvolumeclaims"),
      rule(read, "storage.k8s.io", "storageclasses"),
      rule(read, "", "events"),
      event,
    ],
  },
  {
    name: "system:kube-scheduler",
    rules: [
      event,
      ...leasesOf("kube-scheduler"),
      rule(read, "", "nodes"),
      rule("delete get list watch", "", "pods"),
      rule("create", "", "bindings pods/binding"),
      rule("patch update", "", "pods/status"),
      rule(read, "", "replicationcontrollers services"),
      rule(read, "apps", "replicasets statefulsets"),
      rule(read, "policy", "poddisruptionbudgets"),
      rule("get list patch update watch", "", "persistentvolumeclaims persistentvolumes"),
      rule("create", "authentication.k8s.io", "tokenreviews"),
      rule("create", "authorization.k8s.io", "subjectaccessreviews"),
      rule(read, "storage.k8s.io", "csinodes csidrivers csistoragecapacities storageclasses volumeattachments"),
      rule(read, "", "namespaces"),
      rule(read, "scheduling.k8s.io", "priorityclasses"),
      rule(read, "resource.k8s.io", "deviceclasses resourceslices"),
      rule("get list patch update watch", "resource.k8s.io", "resourceclaims resourceclaims/status"),
    ],
  },
  {
    name: "system:kube-controller-manager",
    rules: [
      event,
      ...leasesOf("kube-controller-manager"),
      rule("create", "", "secrets serviceaccounts"),
      rule("delete", "", "secrets"),
      rule("get", "", "configmaps namespaces secrets serviceaccounts"),
      rule("update", "", "secrets serviceaccounts"),
      rule("create", "authentication.k8s.io", "tokenreviews"),
      rule("create", "authorization.k8s.io", "subjectaccessreviews"),
      rule("list watch", "*", "*"),
      rule("create", "", "serviceaccounts/token"),
    ],
  },
  {
    name: "system:volume-scheduler",
    rules: [
      rule("get list patch update watch", "", "persistentvolumes"),
      rule(read, "storage.k8s.io", "storageclasses"),
      rule("get list patch update watch", "", "persistentvolumeclaims"),
    ],
  },
  // The service proxy and the DNS of a node, which are part of kedge and act as the node.
  {
    name: "kedge:node-network",
    rules: [
      rule("list watch", "", "namespaces nodes services"),
      rule("list watch", "discovery.k8s.io", "endpointslices"),
    ],
  },
  { name: "system:kube-dns", rules: [rule("list watch", "", "endpoints services")] },
];

export const defaultClusterRoles: readonly DefaultRole[] = [...userRoles, ...componentRoles].map(rbacAutoupdate);

export const defaultClusterRoleBindings: readonly DefaultBinding[] = [
  { name: "cluster-admin", role: "cluster-admin", groups: ["system:masters"] },
  { name: "system:monitoring", role: "system:monitoring", groups: ["system:monitoring"] },
  { name: "system:discovery", role: "system:discovery", groups: ["system:authenticated"] },
  { name: "system:basic-user", role: "system:basic-user", groups: ["system:authenticated"] },
  {
    name: "system:public-info-viewer",
    role: "system:public-info-viewer",
    groups: ["system:authenticated", "system:unauthenticated"],
  },
  { name: "system:node-proxier", role: "system:node-proxier", users: ["system:kube-proxy"] },
  {
    name: "system:kube-controller-manager",
    role: "system:kube-controller-manager",
    users: ["system:kube-controller-manager"],
  },
  { name: "system:kube-scheduler", role: "system:kube-scheduler", users: ["system:kube-scheduler"] },
  { name: "system:volume-scheduler", role: "system:volume-scheduler", users: ["system:kube-scheduler"] },
  { name: "kedge:node-network", role: "kedge:node-network", groups: ["system:nodes"] },
  // The API server itself, when it comes to kubelets.
  { name: "kedge:kubelet-clients", role: "system:kubelet-api-admin", groups: ["kedge:kubelet-clients"] },
  // The node authorizer decides for nodes; upstream keeps the binding without subjects.
  { name: "system:node", role: "system:node" },
  {
    name: "system:service-account-issuer-discovery",
    role: "system:service-account-issuer-discovery",
    groups: ["system:serviceaccounts"],
  },
];
