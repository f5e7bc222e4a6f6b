/** What a manifest's text becomes, and how it is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResourceSource } from "#client/resource-source.ts";
import { catalogue } from "#resources/catalogue.ts";
import { objectsOf } from "./objects.ts";

const resources: ResourceSource = {
  all: () => catalogue,
  byKind: (apiVersion, kind) => catalogue.find((one) => one.apiVersion === apiVersion && one.kind === kind),
  onChange: (handler) => handler(catalogue),
};

const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

test("documents become objects, namespaces first", () => {
  const text = `# a comment\n---\n${configMap("a")}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: space}\n---\n`;
  assert.deepEqual(
    objectsOf(text, resources).map(({ resource, key }) => [resource.kind, key.namespace, key.name]),
    [
      ["Namespace", "", "space"],
      ["ConfigMap", "default", "a"],
    ],
  );
});

test("a List is the objects in it", () => {
  const text = `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: x}}\n`;
  assert.deepEqual(objectsOf(text, resources)[0]?.key, { namespace: "x", name: "a" });
});

const refusals: readonly (readonly [what: string, text: string, sentence: RegExp])[] = [
  ["broken YAML", "a: [1\n", /yaml: line \d/],
  ["a kind that does not exist", "apiVersion: v1\nkind: Nothing\nmetadata: {name: a}\n", /found v1 Nothing \(a\)/],
  ["an object without a name", "apiVersion: v1\nkind: ConfigMap\n", /expected apiVersion, kind and metadata.name/],
  ["a document that is no object", "just text\n", /expected an object in document 1, found "just text"/],
];

for (const [what, text, sentence] of refusals)
  test(`${what} is refused with a sentence`, () => assert.throws(() => objectsOf(text, resources), sentence));
