/**
 * The shapes of load: ConfigMaps with 512 bytes of data in one namespace, made, read, changed, listed, watched and
 * deleted. They are run in the order they stand here, since each needs what those before it left.
 */
import type { Target } from "./h2-client.ts";
import type { Figure } from "./figures.ts";
import { drive, type Load } from "./drive.ts";
import { list, listPages, listPagesOfChanging } from "./lists.ts";
import { deliver, fanOut } from "./watches.ts";

export interface Scene {
  readonly target: Target;
  readonly namespace: string;
  /** How many ConfigMaps there are once the shapes that create are through. */
  readonly objects: number;
}

export const shapes: Readonly<Record<string, (scene: Scene) => Promise<Figure>>> = {
  "create c=1": (scene) =>
    drive(scene.target, { clients: 1, requestsMax: Math.floor(scene.objects / 10), secondsMax: 60 }, (at) => ({
      method: "POST",
      target: collection(scene),
      contentType: "application/json",
      body: configMap(at, 0),
    })),
  "create c=32": createRest,
  "get c=1": (scene) => onObjects(scene, { clients: 1, requestsMax: 20_000, secondsMax: 5 }, () => ({ method: "GET" })),
  "get c=32": (scene) =>
    onObjects(scene, { clients: 32, requestsMax: 60_000, secondsMax: 6 }, () => ({ method: "GET" })),
  "update c=32": (scene) =>
    onObjects(scene, writes, (at, object) => ({
      method: "PUT",
      contentType: "application/json",
      body: configMap(object, at + 1),
    })),
  "merge patch c=32": (scene) =>
    onObjects(scene, writes, (at) => ({
      method: "PATCH",
      contentType: "application/merge-patch+json",
      body: Buffer.from(JSON.stringify({ data: { value: valueOf(at + 2) } })),
    })),
  "server-side apply c=32": (scene) =>
    onObjects(scene, { ...writes, query: "?fieldManager=bench&force=true" }, (at, object) => ({
      method: "PATCH",
      contentType: "application/apply-patch+yaml",
      body: configMap(object, at + 3),
    })),
  "list all": (scene) => list(scene, ""),
  "list all, RV=0": (scene) => list(scene, "?resourceVersion=0"),
  // What client-go asks for, and what kubectl asks for.
  "list all as protobuf": (scene) => list(scene, "", "application/vnd.kubernetes.protobuf"),
  "list all as Table": (scene) => list(scene, "", "application/json;as=Table;v=v1;g=meta.k8s.io"),
  "list limit 500 c=4": listPages,
  "list limit 500 c=4 while objects change": listPagesOfChanging,
  "watch fan-out, 100 watchers": fanOut,
  "1,000 watchers, 20 updates/s: p99": deliver,
  "delete c=32": (scene) =>
    drive(scene.target, { clients: 32, requestsMax: scene.objects, secondsMax: 60, warmUp: 0.1 }, (at) => ({
      method: "DELETE",
      target: `${collection(scene)}/${nameOf(at)}`,
    })),
};

const writes: Load = { clients: 32, requestsMax: 40_000, secondsMax: 6 };

export function collection({ namespace }: Scene): string {
  return `/api/v1/namespaces/${namespace}/configmaps`;
}

export function nameOf(object: number): string {
  return `object-${object}`;
}

/** 512 bytes that differ with each change. */
function valueOf(change: number): string {
  return `${change} `.padEnd(512, "The quick brown fox jumps over the lazy dog. ");
}

export function configMap(object: number, change: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: nameOf(object) },
      data: { value: valueOf(change) },
    }),
  );
}

function createRest(scene: Scene): Promise<Figure> {
  const first = Math.floor(scene.objects / 10);
  return drive(scene.target, { clients: 32, requestsMax: scene.objects - first, secondsMax: 120 }, (at) => ({
    method: "POST",
    target: collection(scene),
    contentType: "application/json",
    body: configMap(first + at, 0),
  }));
}

interface OnObject {
  readonly method: "GET" | "PUT" | "PATCH";
  readonly contentType?: string;
  readonly body?: Buffer;
}

/** One request for an object after another, in an order that has nothing to do with that of the creates. */
function onObjects(
  scene: Scene,
  load: Load & { readonly query?: string },
  make: (at: number, object: number) => OnObject,
): Promise<Figure> {
  return drive(scene.target, load, (at) => {
    const object = (at * 7919) % scene.objects;
    return { ...make(at, object), target: `${collection(scene)}/${nameOf(object)}${load.query ?? ""}` };
  });
}
