/**
 * Which standard a namespace holds its pods to, read from its labels.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
 */
import { own } from "#base/own.ts";
import { invalid, type FieldError } from "#machinery/field-error.ts";

/** From the least strict to the strictest. */
export const levels = ["privileged", "baseline", "restricted"] as const;
export type Level = (typeof levels)[number];

/** A minor version of v1, or "latest". */
export type PolicyVersion = number | "latest";

export interface Standard {
  readonly level: Level;
  readonly version: PolicyVersion;
}

export const modes = ["enforce", "audit", "warn"] as const;
export type Mode = (typeof modes)[number];

export type Policy = Readonly<Record<Mode, Standard>>;

type Labels = Readonly<Record<string, string>>;

const prefix = "pod-security.kubernetes.io/";
const versionForm = /^v1\.(0|[1-9][0-9]{0,8})$/;

/** "baseline:v1.30". */
export function shownStandard({ level, version }: Standard): string {
  return `${level}:${version === "latest" ? version : `v1.${version}`}`;
}

export function sameStandard(one: Standard, other: Standard): boolean {
  return one.level === other.level && one.version === other.version;
}

/** True when `one` is stricter than `other`, whatever their versions. */
export function isStricter(one: Standard, other: Standard): boolean {
  return levels.indexOf(one.level) > levels.indexOf(other.level);
}

/** A policy always comes out: what cannot be read is taken as restricted for enforcing, and as nothing otherwise. */
export function policyOf(labels: Labels = {}): { readonly policy: Policy; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const read = (mode: Mode): Partial<Standard> & { readonly isBad: boolean } => {
    const level = labelOf(labels, mode);
    const version = labelOf(labels, `${mode}-version`);
    const known = levels.find((one) => one === level);
    const isBad = level !== undefined && known === undefined;
    if (isBad) errors.push(badLabel(mode, level, `must be one of ${levels.join(", ")}`));
    const parsed = version === undefined ? undefined : parsedVersion(version);
    if (version !== undefined && parsed === undefined)
      errors.push(badLabel(`${mode}-version`, version, 'must be "latest" or "v1.x"'));
    return {
      isBad,
      ...(known === undefined ? {} : { level: known }),
      ...(version === undefined ? {} : { version: parsed ?? "latest" }),
    };
  };
  const [enforce, audit, warn] = [read("enforce"), read("audit"), read("warn")];
  const enforced = standardOf({ level: enforce.isBad ? "restricted" : "privileged", version: "latest" }, enforce);
  // Who enforces and says nothing about warnings is warned of the same.
  const isWarnedAlike = labelOf(labels, "warn") === undefined && enforce.level !== undefined;
  const warned: Standard = isWarnedAlike
    ? {
        level: enforced.level,
        version: warn.version ?? (enforced.level === "privileged" ? "latest" : enforced.version),
      }
    : standardOf({ level: "privileged", version: "latest" }, warn);
  return {
    policy: {
      enforce: enforced,
      audit: standardOf({ level: "privileged", version: "latest" }, audit),
      warn: warned,
    },
    errors,
  };
}

function standardOf(otherwise: Standard, said: Partial<Standard>): Standard {
  return { level: said.level ?? otherwise.level, version: said.version ?? otherwise.version };
}

function labelOf(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, prefix + name) ? own(labels, prefix + name) : undefined;
}

function badLabel(name: string, value: string, why: string): FieldError {
  return invalid(`metadata.labels[${prefix}${name}]`, value, why);
}

function parsedVersion(text: string): PolicyVersion | undefined {
  if (text === "latest") return text;
  const minor = versionForm.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}
