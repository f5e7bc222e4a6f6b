/** NetworkPolicy of networking.k8s.io/v1. */
import { labelSelector } from "#machinery/meta.ts";
import { kind, resource } from "#machinery/resource.ts";
import { enumShape, int32, intOrString, list, object, of, oneOf, str, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, text } from "#machinery/table.ts";
import { selectorText } from "../column-texts.ts";
import { checkNetworkPolicy } from "./network-policy-rules.ts";

export const networkPolicyPortShape = object("api.networking.v1.NetworkPolicyPort", {
  protocol: oneOf(1, ["TCP", "UDP", "SCTP"]).keepZero().default("TCP"),
  port: intOrString(2),
  endPort: int32(3),
});
export interface NetworkPolicyPort extends Infer<typeof networkPolicyPortShape> {}

export const ipBlockShape = object("api.networking.v1.IPBlock", {
  cidr: string(1).always(),
  except: list(2, str),
});
export interface IPBlock extends Infer<typeof ipBlockShape> {}

export const networkPolicyPeerShape = object("api.networking.v1.NetworkPolicyPeer", {
  podSelector: of(1, labelSelector),
  namespaceSelector: of(2, labelSelector),
  ipBlock: of(3, ipBlockShape),
});
export interface NetworkPolicyPeer extends Infer<typeof networkPolicyPeerShape> {}

export const networkPolicyIngressRuleShape = object("api.networking.v1.NetworkPolicyIngressRule", {
  ports: list(1, networkPolicyPortShape),
  from: list(2, networkPolicyPeerShape),
});
export interface NetworkPolicyIngressRule extends Infer<typeof networkPolicyIngressRuleShape> {}

export const networkPolicyEgressRuleShape = object("api.networking.v1.NetworkPolicyEgressRule", {
  ports: list(1, networkPolicyPortShape),
  to: list(2, networkPolicyPeerShape),
});
export interface NetworkPolicyEgressRule extends Infer<typeof networkPolicyEgressRuleShape> {}

export const networkPolicySpecShape = object("api.networking.v1.NetworkPolicySpec", {
  podSelector: of(1, labelSelector).always().unlisted(),
  ingress: list(2, networkPolicyIngressRuleShape),
  egress: list(3, networkPolicyEgressRuleShape),
  policyTypes: list(4, enumShape(["Ingress", "Egress"])),
});
export interface NetworkPolicySpec extends Infer<typeof networkPolicySpecShape> {}

export const networkPolicyShape = kind("api.networking.v1.NetworkPolicy", {
  spec: of(2, networkPolicySpecShape).always().unlisted(),
});
export interface NetworkPolicy extends Infer<typeof networkPolicyShape> {}

export const networkPolicies = resource<NetworkPolicy>({
  group: "networking.k8s.io",
  version: "v1",
  kind: "NetworkPolicy",
  plural: "networkpolicies",
  shortNames: ["netpol"],
  namespaced: true,
  shape: networkPolicyShape,
  columns: [nameColumn, text("Pod-Selector", (one) => selectorText(one.spec.podSelector)), ageColumn],
  defaults: ({ spec }) => {
    spec.policyTypes ??= spec.egress ? ["Ingress", "Egress"] : ["Ingress"];
  },
  check: checkNetworkPolicy,
});
