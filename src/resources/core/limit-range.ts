/** LimitRange of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { list, map, object, of, quantityText, string, type Infer } from "#machinery/shape.ts";
import { defaultLimitRange } from "./limit-range-defaults.ts";
import { checkLimitRange } from "./quota-rules.ts";

export const limitRangeItemShape = object("api.core.v1.LimitRangeItem", {
  type: string(1).always(),
  max: map(2, quantityText),
  min: map(3, quantityText),
  default: map(4, quantityText),
  defaultRequest: map(5, quantityText),
  maxLimitRequestRatio: map(6, quantityText),
});
export interface LimitRangeItem extends Infer<typeof limitRangeItemShape> {}

export const limitRangeSpecShape = object("api.core.v1.LimitRangeSpec", {
  limits: list(1, limitRangeItemShape).always(),
});
export interface LimitRangeSpec extends Infer<typeof limitRangeSpecShape> {}

export const limitRangeShape = kind("api.core.v1.LimitRange", {
  spec: of(2, limitRangeSpecShape).always().unlisted(),
});
export interface LimitRange extends Infer<typeof limitRangeShape> {}

export const limitRanges = resource<LimitRange>({
  group: "",
  version: "v1",
  kind: "LimitRange",
  plural: "limitranges",
  shortNames: ["limits"],
  namespaced: true,
  shape: limitRangeShape,
  defaults: defaultLimitRange,
  generationFields: [],
  check: checkLimitRange,
});
