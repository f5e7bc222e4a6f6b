/** CustomResourceDefinition of apiextensions.k8s.io/v1. */
import { kind, resource } from "#machinery/resource.ts";
import {
  any,
  anyJson,
  bool,
  bytes,
  double,
  formsOf,
  int32,
  int64,
  lazy,
  list,
  listMap,
  map,
  object,
  of,
  oneOf,
  str,
  string,
  time,
  type Infer,
  type JsonObject,
  type Shape,
} from "#machinery/shape.ts";
import { type Draft } from "#machinery/meta.ts";
import { checkDefinition } from "./definition-rules.ts";

export const customResourceDefinitionNamesShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames",
  {
    plural: string(1).always(),
    singular: string(2),
    shortNames: list(3, str),
    kind: string(4).always(),
    listKind: string(5),
    categories: list(6, str),
  },
);
export interface CustomResourceDefinitionNames extends Infer<typeof customResourceDefinitionNamesShape> {}

export const externalDocumentationShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.ExternalDocumentation",
  {
    description: string(1),
    url: string(2),
  },
);
export interface ExternalDocumentation extends Infer<typeof externalDocumentationShape> {}

export const validationRuleShape = object("apiextensions-apiserver.pkg.apis.apiextensions.v1.ValidationRule", {
  rule: string(1).always(),
  message: string(2),
  messageExpression: string(3),
  reason: oneOf(4, [
    "FieldValueRequired",
    "FieldValueDuplicate",
    "FieldValueInvalid",
    "FieldValueForbidden",
  ]).keepZero(),
  fieldPath: string(5),
  optionalOldSelf: bool(6),
});
export interface ValidationRule extends Infer<typeof validationRuleShape> {}

export const jsonSchemaPropsShape = object("apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", {
  id: string(1),
  $schema: string(2),
  $ref: string(3).keepZero(),
  description: string(4),
  type: string(5),
  format: string(6),
  title: string(7),
  default: any(8),
  maximum: double(9),
  exclusiveMaximum: bool(10).dropZero(),
  minimum: double(11),
  exclusiveMinimum: bool(12).dropZero(),
  maxLength: int64(13),
  minLength: int64(14),
  pattern: string(15),
  maxItems: int64(16),
  minItems: int64(17),
  uniqueItems: bool(18).dropZero(),
  multipleOf: double(19),
  enum: list(20, anyJson),
  maxProperties: int64(21),
  minProperties: int64(22),
  required: list(23, str),
  items: of(
    24,
    formsOf(
      lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
      "objects",
    ),
  ),
  allOf: list(
    25,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  oneOf: list(
    26,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  anyOf: list(
    27,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  not: of(
    28,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  properties: map(
    29,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  additionalProperties: of(
    30,
    formsOf(
      lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
      "bool",
    ),
  ),
  patternProperties: map(
    31,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  dependencies: map(
    32,
    formsOf(
      lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
      "strings",
    ),
  ),
  additionalItems: of(
    33,
    formsOf(
      lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
      "bool",
    ),
  ),
  definitions: map(
    34,
    lazy((): Shape<JsonObject> => jsonSchemaPropsShape),
  ),
  externalDocs: of(35, externalDocumentationShape),
  example: any(36),
  nullable: bool(37).dropZero(),
  "x-kubernetes-preserve-unknown-fields": bool(38),
  "x-kubernetes-embedded-resource": bool(39).dropZero(),
  "x-kubernetes-int-or-string": bool(40).dropZero(),
  "x-kubernetes-list-map-keys": list(41, str),
  "x-kubernetes-list-type": string(42).keepZero(),
  "x-kubernetes-map-type": string(43).keepZero(),
  "x-kubernetes-validations": listMap(44, ["rule"], validationRuleShape).patchMerge("rule"),
});
// A type that contains itself is written out by hand.
export interface JSONSchemaProps extends Infer<typeof jsonSchemaPropsShape> {}

export const customResourceValidationShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceValidation",
  {
    openAPIV3Schema: of(1, jsonSchemaPropsShape),
  },
);
export interface CustomResourceValidation extends Infer<typeof customResourceValidationShape> {}

export const customResourceSubresourceStatusShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceStatus",
  {},
);
export interface CustomResourceSubresourceStatus extends Infer<typeof customResourceSubresourceStatusShape> {}

export const customResourceSubresourceScaleShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresourceScale",
  {
    specReplicasPath: string(1).always(),
    statusReplicasPath: string(2).always(),
    labelSelectorPath: string(3).keepZero(),
  },
);
export interface CustomResourceSubresourceScale extends Infer<typeof customResourceSubresourceScaleShape> {}

export const customResourceSubresourcesShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceSubresources",
  {
    status: of(1, customResourceSubresourceStatusShape),
    scale: of(2, customResourceSubresourceScaleShape),
  },
);
export interface CustomResourceSubresources extends Infer<typeof customResourceSubresourcesShape> {}

export const customResourceColumnDefinitionShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceColumnDefinition",
  {
    name: string(1).always(),
    type: string(2).always(),
    format: string(3),
    description: string(4),
    priority: int32(5).dropZero(),
    jsonPath: string(6).always(),
  },
);
export interface CustomResourceColumnDefinition extends Infer<typeof customResourceColumnDefinitionShape> {}

export const selectableFieldShape = object("apiextensions-apiserver.pkg.apis.apiextensions.v1.SelectableField", {
  jsonPath: string(1).always(),
});
export interface SelectableField extends Infer<typeof selectableFieldShape> {}

export const customResourceDefinitionVersionShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion",
  {
    name: string(1).always(),
    served: bool(2).always(),
    storage: bool(3).always(),
    deprecated: bool(7).dropZero(),
    deprecationWarning: string(8).keepZero(),
    schema: of(4, customResourceValidationShape),
    subresources: of(5, customResourceSubresourcesShape),
    additionalPrinterColumns: list(6, customResourceColumnDefinitionShape),
    selectableFields: list(9, selectableFieldShape),
  },
);
export interface CustomResourceDefinitionVersion extends Infer<typeof customResourceDefinitionVersionShape> {}

export const serviceReferenceShape = object("apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference", {
  namespace: string(1).always(),
  name: string(2).always(),
  path: string(3).keepZero(),
  port: int32(4).default(443),
});
export interface ServiceReference extends Infer<typeof serviceReferenceShape> {}

export const webhookClientConfigShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookClientConfig",
  {
    url: string(3).keepZero(),
    service: of(1, serviceReferenceShape),
    caBundle: bytes(2),
  },
);
export interface WebhookClientConfig extends Infer<typeof webhookClientConfigShape> {}

export const webhookConversionShape = object("apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookConversion", {
  clientConfig: of(2, webhookClientConfigShape),
  conversionReviewVersions: list(3, str).always(),
});
export interface WebhookConversion extends Infer<typeof webhookConversionShape> {}

export const customResourceConversionShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceConversion",
  {
    strategy: string(1).always(),
    webhook: of(2, webhookConversionShape),
  },
);
export interface CustomResourceConversion extends Infer<typeof customResourceConversionShape> {}

export const customResourceDefinitionSpecShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec",
  {
    group: string(1).always(),
    names: of(3, customResourceDefinitionNamesShape).always(),
    scope: string(4).always(),
    versions: list(7, customResourceDefinitionVersionShape).always(),
    conversion: of(9, customResourceConversionShape),
    preserveUnknownFields: bool(10).dropZero(),
  },
);
export interface CustomResourceDefinitionSpec extends Infer<typeof customResourceDefinitionSpecShape> {}

export const customResourceDefinitionConditionShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionCondition",
  {
    type: string(1).always(),
    status: string(2).always(),
    lastTransitionTime: time(3),
    reason: string(4),
    message: string(5),
    observedGeneration: int64(6).dropZero(),
  },
);
export interface CustomResourceDefinitionCondition extends Infer<typeof customResourceDefinitionConditionShape> {}

export const customResourceDefinitionStatusShape = object(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus",
  {
    conditions: listMap(1, ["type"], customResourceDefinitionConditionShape).always().unlisted(),
    acceptedNames: of(2, customResourceDefinitionNamesShape).always().unlisted(),
    storedVersions: list(3, str).always().unlisted(),
    observedGeneration: int64(4).dropZero(),
  },
);
export interface CustomResourceDefinitionStatus extends Infer<typeof customResourceDefinitionStatusShape> {}

export const customResourceDefinitionShape = kind(
  "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
  {
    spec: of(2, customResourceDefinitionSpecShape).always(),
    status: of(3, customResourceDefinitionStatusShape).always().unlisted(),
  },
);
export interface CustomResourceDefinition extends Infer<typeof customResourceDefinitionShape> {}

/** The finalizer under which the objects of a definition are deleted before it is. */
export const customResourceCleanup = "customresourcecleanup.apiextensions.k8s.io";

function defaultNames({ spec }: Draft<CustomResourceDefinition>): void {
  const { names } = spec;
  if (names.kind !== "") {
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  spec.conversion ??= { strategy: "None" };
}

/** Versions that objects were ever stored in stay listed until somebody who migrated them says otherwise. */
function noteStored({ spec, status }: Draft<CustomResourceDefinition>): void {
  for (const { name, storage } of spec.versions)
    if (storage && !status.storedVersions.includes(name)) status.storedVersions.push(name);
}

export const customResourceDefinitions = resource<CustomResourceDefinition>({
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  shortNames: ["crd", "crds"],
  categories: ["api-extensions"],
  namespaced: false,
  shape: customResourceDefinitionShape,
  defaults: defaultNames,
  prepare: noteStored,
  check: checkDefinition,
});
