/** Rules that kinds that keep pods share: how the selector fits the template, and what the pods may be like. */
import { child, forbidden, invalid, notSupported, type FieldError } from "#machinery/field-error.ts";
import { selectorOf } from "#machinery/label-selector.ts";
import type { LabelSelector } from "#machinery/meta.ts";
import { percent } from "#machinery/names.ts";
import { checkSelector } from "#machinery/object-meta-rules.ts";
import { nonNegative } from "#machinery/rule.ts";
import type { PodTemplateSpec } from "../core/pod-spec.ts";

/** A selector matches the labels of the template it goes with. */
export function checkSelected(path: string, selector: LabelSelector, { metadata }: PodTemplateSpec): FieldError[] {
  if (selectorOf(selector).matches(metadata.labels ?? {})) return [];
  return [
    invalid(
      `${child(path, "template")}.metadata.labels`,
      metadata.labels ?? {},
      "`selector` does not match template `labels`",
    ),
  ];
}

interface Selecting {
  readonly selector?: LabelSelector | undefined;
  readonly template: PodTemplateSpec;
}

/** @param emptySentence Said of a selector that selects everything. */
export function checkWorkloadSelector(path: string, spec: Selecting, emptySentence: string): FieldError[] {
  const { selector, template } = spec;
  // Its absence is said by the shape.
  if (selector === undefined) return [];
  const where = child(path, "selector");
  const errors = checkSelector(where, selector);
  if (errors.length > 0) return errors;
  if (!selector.matchLabels && !selector.matchExpressions) return [invalid(where, selector, emptySentence)];
  return checkSelected(path, selector, template);
}

/** The pods of a kind that keeps a number of them running never end by themselves. */
export function checkEndless(path: string, { spec }: PodTemplateSpec, kind: string): FieldError[] {
  const { restartPolicy, activeDeadlineSeconds } = spec;
  const errors: FieldError[] = [];
  if (restartPolicy !== "Always")
    errors.push(notSupported(`${path}.template.spec.restartPolicy`, restartPolicy ?? "", ["Always"]));
  if (activeDeadlineSeconds !== undefined)
    errors.push(
      forbidden(`${path}.template.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`),
    );
  return errors;
}

/** A number that is not negative, or a percentage. */
export function checkShare(path: string, share: number | string | undefined): FieldError[] {
  if (share === undefined) return [];
  if (typeof share === "number") return nonNegative(path, share);
  return percent(share).map((problem) => invalid(path, share, problem));
}

export function checkAtMostWhole(path: string, share: number | string | undefined): FieldError[] {
  if (typeof share !== "string" || !/^\d+%$/.test(share) || Number.parseInt(share, 10) <= 100) return [];
  return [invalid(path, share, "must not be greater than 100%")];
}

/** The number before a percent sign, or the number itself. */
export function shareValue(share: number | string | undefined): number {
  return typeof share === "string" ? Number.parseInt(share, 10) || 0 : (share ?? 0);
}
