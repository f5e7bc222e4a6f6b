/**
 * A client that watches, is cut off, goes on where it was, leaves and comes back: what it is told is, event by event, what
 * happened to the objects it selects.
 */
import { messageOf } from "#base/assert.ts";
import type { Client, WatchEvent, WatchRequest } from "#client/client.ts";
import { deepEqual } from "#machinery/equal.ts";
import { parseLabelSelector } from "#machinery/label-selector.ts";
import { keyOf, keyText, type KubeObject } from "#machinery/meta.ts";
import { untyped, type ResourceDefinition } from "#machinery/resource.ts";
import { isReason, StatusError } from "#machinery/status.ts";
import { replicaSets } from "#resources/apps/replica-set.ts";
import { jobs } from "#resources/batch/job.ts";
import { configMaps } from "#resources/core/config-map.ts";
import { pods } from "#resources/core/pod.ts";
import { secrets } from "#resources/core/secret.ts";
import { services } from "#resources/core/service.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import type { Change, History } from "./history.ts";

interface Selection {
  readonly resource: ResourceDefinition;
  readonly request: WatchRequest;
  readonly selects: (object: KubeObject) => boolean;
}

const restMsMax = 20_000;
const stayMsMax = 90_000;

export class Observer {
  readonly name: string;
  private readonly parts: ObserverParts;
  private readonly selection: Selection;
  // What it knows, and up to which revision; undefined while it has to begin anew.
  private known = new Map<string, KubeObject>();
  private revision: number | undefined;

  constructor(parts: ObserverParts) {
    this.parts = parts;
    this.selection = selectionOf(parts.random);
    const { resource, request } = this.selection;
    this.name = `${parts.name} ${resource.id} ${JSON.stringify(request)}`;
  }

  /** Until the run is over. */
  async run(): Promise<void> {
    const { clock, random } = this.parts;
    for (;;) {
      const stay = new AbortController();
      clock.after(random.fraction() * stayMsMax, () => stay.abort(new Error("the observer leaves")));
      try {
        await this.watch(stay.signal);
      } catch (error) {
        if (isReason(error, "Expired") || isReason(error, "Gone")) this.revision = undefined;
        else if (!stay.signal.aborted && !(error instanceof StatusError))
          this.wrong(`the watch ended with ${messageOf(error)}`);
      }
      if (random.happens(0.2)) this.revision = undefined;
      await clock.sleep(random.fraction() * restMsMax, new AbortController().signal);
    }
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const { resource, request } = this.selection;
    const from = this.revision === undefined ? {} : { resourceVersion: String(this.revision) };
    const beginning = this.revision === undefined ? new Map<string, KubeObject>() : undefined;
    for await (const event of this.parts.client.watch(resource, { ...request, ...from }, signal)) {
      if (this.revision !== undefined) this.follow(event, this.revision);
      else if (beginning) this.begin(event, beginning);
    }
  }

  /** What there is first. */
  private begin(event: WatchEvent<KubeObject>, beginning: Map<string, KubeObject>): void {
    if (event.type !== "bookmark") {
      beginning.set(keyText(keyOf(event.object)), event.object);
      return;
    }
    if (!event.initialEventsEnd) return;
    const revision = Number(event.resourceVersion);
    const { resource, selects } = this.selection;
    const expected = this.parts.history.snapshot(resource.id, revision, selects);
    const [told, there] = [[...beginning.keys()].toSorted(), [...expected.keys()].toSorted()];
    if (String(told) !== String(there))
      this.wrong(`began at ${revision} with ${told.join(" ")}, there were ${there.join(" ")}`);
    for (const [key, object] of beginning)
      if (!deepEqual(object, expected.get(key))) this.wrong(`began at ${revision} with another ${key}`);
    this.known = beginning;
    this.revision = revision;
  }

  private follow(event: WatchEvent<KubeObject>, since: number): void {
    const revision = Number(event.type === "bookmark" ? event.resourceVersion : event.object.metadata.resourceVersion);
    if (revision < since || (revision === since && event.type !== "bookmark"))
      return this.wrong(`told of ${revision} after ${since}`);
    const { selects, resource } = this.selection;
    const missed = this.parts.history.between(resource.id, since, revision).flatMap((change) => {
      const expected = expectedEvent(change, selects);
      return expected ? [expected] : [];
    });
    this.revision = revision;
    if (event.type === "bookmark") {
      const [first] = missed;
      if (first) this.wrong(`told that all is known up to ${revision}, and not that ${first.type} ${first.key}`);
      return;
    }
    const last = missed.pop();
    const [first] = missed;
    const key = keyText(keyOf(event.object));
    if (first) return this.wrong(`told of ${revision}, and not before that ${first.type} ${first.key}`);
    if (!last || last.type !== event.type || last.key !== key)
      return this.wrong(
        `told at ${revision} that ${event.type} ${key}, expected ${last ? `${last.type} ${last.key}` : "nothing"}`,
      );
    // A deletion, from what there is or from what is selected, shows the object as it was, at its revision.
    const { metadata } = event.object;
    const object = { ...last.object, metadata: { ...last.object.metadata, resourceVersion: metadata.resourceVersion } };
    if (!deepEqual(object, event.object)) this.wrong(`told at ${revision} of another ${key}`);
    if (event.type === "deleted") this.known.delete(key);
    else this.known.set(key, event.object);
  }

  private wrong(found: string): void {
    this.parts.violated("a watch tells what happened", found, this.name);
  }
}

export interface ObserverParts {
  readonly name: string;
  readonly client: Client;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly history: History;
  readonly violated: (invariant: string, found: string, about: string) => void;
}

interface Expected {
  readonly type: "added" | "modified" | "deleted";
  readonly key: string;
  readonly object: KubeObject;
}

/** What someone who selects is told of a change. */
function expectedEvent({ key, before, after }: Change, selects: (object: KubeObject) => boolean): Expected | undefined {
  const was = before && selects(before) ? before : undefined;
  const is = after && selects(after) ? after : undefined;
  const name = keyText(key);
  if (is) return { type: was ? "modified" : "added", key: name, object: is };
  return was && { type: "deleted", key: name, object: was };
}

function selectionOf(random: SeededRandom): Selection {
  const resource = random.pick([
    untyped(pods),
    untyped(pods),
    untyped(pods),
    untyped(replicaSets),
    untyped(jobs),
    untyped(configMaps),
    untyped(secrets),
    untyped(services),
  ]);
  const everything = { resource, request: {}, selects: () => true };
  const node = `node-${random.below(4)}`;
  const label = random.pick([
    "app",
    "!app",
    "batch.kubernetes.io/job-name",
    "app!=web-1",
    "was",
    "app in (web-1,web-2,db-3)",
  ]);
  const namespace = `team-${random.below(3)}`;
  const selector = parseLabelSelector(label);
  const byLabel = (object: KubeObject): boolean => selector.matches(object.metadata.labels ?? {});
  switch (random.below(resource.id === "pods" ? 5 : 3)) {
    case 0:
      return { ...everything, request: { labelSelector: label }, selects: byLabel };
    case 1:
      return { ...everything, request: { namespace }, selects: ({ metadata }) => metadata.namespace === namespace };
    case 2:
      return everything;
    case 3:
      return {
        ...everything,
        request: { fieldSelector: `spec.nodeName=${node}` },
        selects: (object) => memberOf(object, "spec", "nodeName") === node,
      };
    default:
      return {
        ...everything,
        request: { fieldSelector: "status.phase=Running", labelSelector: label },
        selects: (object) => memberOf(object, "status", "phase") === "Running" && byLabel(object),
      };
  }
}

function memberOf(object: KubeObject, part: string, name: string): unknown {
  const inner: unknown = Reflect.get(object, part);
  return typeof inner === "object" && inner !== null ? Reflect.get(inner, name) : undefined;
}
