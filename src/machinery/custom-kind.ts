/**
 * A kind that a schema declares while the server runs: what is read, filled in, checked and merged by the schema.
 * Everything else is as with any other kind.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */
import { checkDefaults } from "./custom/default-rules.ts";
import { checkWords } from "./custom/schema-rules.ts";
import { checkStructural } from "./custom/structural-rules.ts";
import type { FieldError } from "./field-error.ts";
import { applySchemaDefaults } from "./custom/defaults.ts";
import { checkEmbedded } from "./custom/embedded-rules.ts";
import { checkLists } from "./custom/list-rules.ts";
import { headShape, prune } from "./custom/prune.ts";
import type { Schema } from "./custom/schema.ts";
import { rootShape } from "./custom/shape.ts";
import { checkBySchema } from "./custom/validate.ts";
import type { KubeObject } from "./meta.ts";
import type { ResourceOptions } from "./resource.ts";
import type { JsonObject, ObjectShape } from "./shape.ts";

export { patternsIn, type Schema } from "./custom/schema.ts";

export type CustomKind = Pick<ResourceOptions<KubeObject>, "defaults" | "check"> &
  Required<Pick<ResourceOptions<KubeObject>, "read" | "schema">> & { readonly shape: ObjectShape<KubeObject> };

/** What is wrong with a schema itself. */
export function checkSchema(schema: Schema, path: string): readonly FieldError[] {
  const structural = checkStructural(schema, path);
  const defaults = structural.length > 0 ? [] : checkDefaults(schema, path);
  return [...structural, ...defaults, ...checkWords(schema, { path, isRoot: true })];
}

/** @param name Version and kind, for sentences: "v1.CronTab". */
export function customKind(name: string, schema: Schema): CustomKind {
  const head = headShape(name);
  return {
    // Holds because reading fills in apiVersion, kind and metadata.
    shape: rootShape(name, schema) as ObjectShape<KubeObject>,
    schema,
    read: (json) => prune(json, schema, head),
    defaults: (draft) => applySchemaDefaults(draft, schema),
    check: (object, { old }) => {
      // Each holds because objects are decoded JSON.
      const json = object as unknown as JsonObject;
      return [
        ...checkBySchema(schema, json, old as unknown as JsonObject | undefined),
        ...checkLists(schema, json),
        ...checkEmbedded(schema, json),
      ];
    },
  };
}
