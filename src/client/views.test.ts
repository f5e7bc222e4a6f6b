/** What TypeScript lets through, and what it refuses: each `ts-expect-error` fails the types when the line compiles. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, Named } from "#machinery/meta.ts";
import { view, type Seen } from "#machinery/view.ts";
import { pods, type Pod } from "#resources/core/pod.ts";

const narrow = view(pods, {
  metadata: { labels: true },
  spec: { nodeName: true, containers: { name: true } },
  status: { phase: true },
});
const wide = view(pods, { metadata: { labels: true, annotations: true }, spec: true, status: { phase: true } });

type Narrow = Seen<typeof narrow>;
type Wide = Seen<typeof wide>;

interface Takers {
  readonly pod: (pod: Pod) => void;
  readonly spec: (spec: Pod["spec"]) => void;
  readonly object: (object: KubeObject) => void;
  readonly named: (object: Named) => void;
  readonly narrow: (pod: Narrow) => void;
  readonly wide: (pod: Wide) => void;
}

function reads(seen: Narrow): readonly unknown[] {
  return [
    seen.metadata.labels?.["a"],
    seen.spec.containers[0]?.name,
    seen.status.phase,
    // @ts-expect-error It was not declared.
    seen.metadata.annotations,
    // @ts-expect-error It was not declared.
    seen.spec.volumes,
    // @ts-expect-error It was not declared of containers.
    seen.spec.containers[0]?.image,
  ];
}

function passes(takers: Takers, of: { readonly pod: Pod; readonly narrow: Narrow; readonly wide: Wide }): void {
  takers.narrow(of.narrow);
  takers.narrow(of.wide);
  takers.narrow(of.pod);
  takers.wide(of.wide);
  takers.wide(of.pod);
  takers.named(of.narrow);
  // @ts-expect-error It holds less.
  takers.wide(of.narrow);
  // @ts-expect-error It is no whole pod, although everything that a pod must have is there.
  takers.pod(of.wide);
  // @ts-expect-error It is no whole object.
  takers.object(of.narrow);
  // @ts-expect-error It is no whole spec.
  takers.spec(of.narrow.spec);
}

function declares(): void {
  // @ts-expect-error Pods have no such field.
  view(pods, { spec: { nodeNam: true } });
  // @ts-expect-error Nobody reads who wrote which field.
  view(pods, { metadata: { managedFields: true } });
}

test("what was not declared cannot be read, and a view is taken for no more than it holds", () => {
  const metadata = { name: "a" };
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [] }, status: {} };
  const taken: string[] = [];
  const taker = (name: string) => (): void => void taken.push(name);
  const names = ["pod", "spec", "object", "named", "narrow", "wide"] as const;
  // Holds because of the names that it is made of.
  const takers = Object.fromEntries(names.map((name) => [name, taker(name)])) as unknown as Takers;
  passes(takers, { pod, narrow: pod, wide: pod });
  declares();
  assert.equal(taken.length, 10);
  assert.equal(reads(pod).length, 6);
});
