/**
 * The two flow schemas and priority levels that always exist.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#mandatory-configuration-objects
 */
import type { KubeObject } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { flowSchemas, type FlowSchema } from "#resources/flowcontrol/flow-schema.ts";
import {
  priorityLevelConfigurations,
  type PriorityLevelConfiguration,
} from "#resources/flowcontrol/priority-level-configuration.ts";

const apiVersion = "flowcontrol.apiserver.k8s.io/v1";

const everything = (groups: readonly string[]): NonNullable<FlowSchema["spec"]["rules"]> => [
  {
    subjects: groups.map((name) => ({ kind: "Group", group: { name } })),
    resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] }],
    nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
  },
];

const schema = (name: string, matchingPrecedence: number, groups: readonly string[]): FlowSchema => ({
  apiVersion,
  kind: "FlowSchema",
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name },
    matchingPrecedence,
    ...(name === "catch-all" ? { distinguisherMethod: { type: "ByUser" } } : {}),
    rules: everything(groups),
  },
  status: {},
});

const levels: readonly PriorityLevelConfiguration[] = [
  {
    apiVersion,
    kind: "PriorityLevelConfiguration",
    metadata: { name: "exempt" },
    spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
    status: {},
  },
  {
    apiVersion,
    kind: "PriorityLevelConfiguration",
    metadata: { name: "catch-all" },
    spec: {
      type: "Limited",
      limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: "Reject" } },
    },
    status: {},
  },
];

export const flowControlDefaults: readonly { readonly resource: ResourceDefinition; readonly object: KubeObject }[] = [
  ...levels.map((object) => ({ resource: untyped(priorityLevelConfigurations), object })),
  ...[
    schema("exempt", 1, ["system:masters"]),
    schema("catch-all", 10_000, ["system:unauthenticated", "system:authenticated"]),
  ].map((object) => ({ resource: untyped(flowSchemas), object })),
];
