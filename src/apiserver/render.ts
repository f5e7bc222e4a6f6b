/** Objects as the bytes of an answer, in every encoding and form. JSON of stored objects is copied, never made anew. */
import { utf8 } from "#base/bytes.ts";
import { atOnce, type Turns } from "#base/turns.ts";
import type { KubeObject } from "#machinery/meta.ts";
import { encodeObject } from "#machinery/protobuf.ts";
import { kind, type ResourceDefinition } from "#machinery/resource.ts";
import type { ObjectShape } from "#machinery/shape.ts";
import { Ages } from "#machinery/ages.ts";
import { toTable, type IncludeObject } from "#machinery/table.ts";
import { isLarge } from "./call.ts";
import { mediaTypes, type Answer, type Encoding, type Form } from "./negotiate.ts";
import { shown, type Served } from "./registry.ts";
import { StoredObject } from "./stored-object.ts";

export interface RenderOptions {
  /** The moment that ages are told of. */
  readonly nowMs: () => number;
  /** What a table's rows carry of their objects. */
  readonly includeObject: IncludeObject;
}

/** An object as the served version shows it. */
export function viewOf(served: Served, object: StoredObject | KubeObject): KubeObject {
  return object instanceof StoredObject ? shown(served, object) : object;
}

/** The bytes of one object as JSON, in the served version. */
export function jsonOf(served: Served, object: StoredObject | KubeObject): Uint8Array {
  if (object instanceof StoredObject && served.isStoredVersion) return object.json();
  return utf8(JSON.stringify(viewOf(served, object)));
}

export interface Rendering {
  readonly served: Served;
  /** Where large objects rest while they are rendered. */
  readonly turns: Turns;
  readonly answer: Answer;
  readonly options: RenderOptions;
}

/** Tells apart whatever makes other bytes of the same object, but for the age that a table tells. */
export function formNameOf({ served, answer, options }: Rendering): string {
  const { form, encoding } = answer;
  const { id, apiVersion } = served.definition;
  const version = form.kind === "object" ? apiVersion : `${form.version} ${options.includeObject}`;
  return `${id} ${encoding} ${form.kind} ${version}`;
}

/** One object in the encoding and form of an answer. A large one takes turns to be decoded, and one to be encoded. */
export async function renderObject(object: StoredObject | KubeObject, rendering: Rendering): Promise<Uint8Array> {
  const { served, answer, turns } = rendering;
  const { encoding, form } = answer;
  if (form.kind === "object" && encoding === "json" && !answer.pretty) return jsonOf(served, object);
  if (object instanceof StoredObject && isLarge(object.jsonBytes)) {
    await object.decode(turns);
    const view = shown(served, object);
    await turns.next();
    return encoded(view, rendering);
  }
  return encoded(viewOf(served, object), rendering);
}

async function encoded(view: KubeObject, rendering: Rendering): Promise<Uint8Array> {
  if (rendering.answer.encoding === "protobuf") return protobufOf(view, rendering);
  return encodeJson(formed(view, rendering), rendering.answer, rendering.turns);
}

const partialShape = kind("apimachinery.pkg.apis.meta.v1.PartialObjectMetadata", {});

/** The shape of objects in the form of an answer. Tables have none: they are never negotiated in protobuf. */
export function shapeOf({ served, answer }: Rendering): ObjectShape {
  return answer.form.kind === "object" ? served.definition.shape : partialShape;
}

/** The object in the form of an answer, in protobuf with its envelope. */
export function protobufOf(object: StoredObject | KubeObject, rendering: Rendering): Uint8Array {
  const view = viewOf(rendering.served, object);
  const { form } = rendering.answer;
  return encodeObject(shapeOf(rendering), form.kind === "object" ? view : partial(view, form));
}

/** The object in the form of an answer, as a JSON value. @param ages Of the moment of the answer. */
export function formed(
  object: StoredObject | KubeObject,
  { served, answer, options }: Rendering,
  ages = new Ages(options.nowMs()),
): unknown {
  const view = viewOf(served, object);
  const { form } = answer;
  switch (form.kind) {
    case "object":
      return view;
    case "Table": {
      const { resourceVersion } = view.metadata;
      const metadata = resourceVersion === undefined ? {} : { resourceVersion };
      const { includeObject } = options;
      return versioned(toTable(served.definition, [view], { ages, includeObject, metadata }), form);
    }
    case "PartialObjectMetadata":
    case "PartialObjectMetadataList":
      return partial(view, form);
  }
}

export function partial(view: KubeObject, form: Exclude<Form, { kind: "object" }>): KubeObject {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${form.version}`,
    metadata: view.metadata,
  };
}

export function versioned<T extends object>(value: T, form: Exclude<Form, { kind: "object" }>): T {
  return { ...value, apiVersion: `meta.k8s.io/${form.version}` };
}

/** A JSON value in an encoding that is not protobuf: with `turns` as long work, which rests. */
export async function encodeJson(
  value: unknown,
  answer: Pick<Answer, "encoding" | "pretty">,
  turns?: Turns,
): Promise<Uint8Array> {
  if (answer.encoding === "yaml") {
    const { formattingYaml } = await import("#wire/yaml-pieces.ts");
    const work = formattingYaml(value);
    return utf8(turns ? await turns.through(work) : atOnce(work));
  }
  return utf8(answer.pretty ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value));
}

export function contentTypeOf(answer: Pick<Answer, "encoding">): string {
  return mediaTypes[answer.encoding];
}

/** The encodings a resource can be read and written in. */
export function encodingsOf(served: Pick<Served, "custom">): readonly Encoding[] {
  return served.custom ? ["json", "yaml"] : ["json", "yaml", "protobuf"];
}

export function listKindOf(definition: ResourceDefinition): string {
  return `${definition.kind}List`;
}
