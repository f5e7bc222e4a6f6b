/**
 * The formats a schema may name for a text. Others are passed over, as upstream does.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
import { base64, fromBase64 } from "#base/bytes.ts";
import { GoDurationError, goDurationNanos } from "../go-duration.ts";
import { parseIp } from "../ip-address.ts";
import { isDate } from "../rfc3339.ts";

type Test = (text: string) => boolean;

const matches =
  (form: RegExp): Test =>
  (text) =>
    form.test(text);

const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ["bsonobjectid", matches(/^[0-9a-fA-F]{24}$/)],
  ["uri", (text) => URL.canParse(text) || /^\/\S*$/.test(text)],
  ["email", isEmail],
  ["hostname", isHostname],
  ["ipv4", (text) => text.includes(".") && parseIp(text) !== undefined],
  ["ipv6", (text) => text.includes(":") && parseIp(text) !== undefined],
  ["cidr", isCidr],
  ["mac", isMac],
  ["uuid", matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)],
  ["uuid3", matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)],
  ["uuid4", matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i)],
  ["uuid5", matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i)],
  ["isbn", (text) => isIsbn10(text) || isIsbn13(text)],
  ["isbn10", isIsbn10],
  ["isbn13", isIsbn13],
  ["creditcard", isCreditCard],
  ["ssn", (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ["hexcolor", matches(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ["rgbcolor", isRgbColor],
  ["byte", (text) => text !== "" && base64(fromBase64(text)) === text],
  ["password", () => true],
  ["date", isDay],
  ["duration", isDuration],
  ["datetime", isDateTime],
  ["k8sshortname", (text) => text.length <= 63 && nameLabel.test(text)],
  ["k8slongname", (text) => text.length <= 253 && text.split(".").every((part) => nameLabel.test(part))],
]);

const nameLabel = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

function isEmail(text: string): boolean {
  const open = text.endsWith(">") ? text.lastIndexOf("<") : -1;
  const address = open < 0 ? text : text.slice(open + 1, -1);
  const at = address.lastIndexOf("@");
  return at > 0 && at < address.length - 1 && /^[^\s<>]+$/.test(address) && address.indexOf("@") === at;
}

/** One label may have one hyphen, behind its first letter; what is longer has a last label without any in a row. */
function isHostname(text: string): boolean {
  if (Buffer.byteLength(text) > 255) return false;
  const labels = text.split(".");
  if (labels.some((label) => Buffer.byteLength(label) > 63)) return false;
  const last = labels.pop() ?? "";
  if (labels.length === 0) return /^[a-z0-9\p{S}\p{L}]-?[a-z0-9\p{S}\p{L}]*$/iu.test(last);
  return (
    labels.every((label) => hostLabel.test(label)) && !last.includes("--") && last.length > 1 && hostLabel.test(last)
  );
}

const hostLabel = /^[a-z0-9\p{S}\p{L}](?:[-a-z0-9\p{S}\p{L}]{0,61}[a-z0-9\p{S}\p{L}])?$/iu;

/** 6, 8 or 20 bytes in pairs, or the same in groups of four digits. */
function isMac(text: string): boolean {
  const separator = text.includes(".") ? "." : text.includes(":") ? ":" : "-";
  const groups = text.split(separator);
  const size = separator === "." ? 4 : 2;
  return (
    [12, 16, 40].includes(groups.length * size) && groups.every((group) => group.length === size && hex.test(group))
  );
}

const hex = /^[0-9a-fA-F]+$/;

function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (!cardForm.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of Array.from(digits).toReversed().entries()) {
    const doubled = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const cardForm =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;

function isRgbColor(text: string): boolean {
  if (!text.startsWith("rgb(") || !text.endsWith(")")) return false;
  const parts = text.slice(4, -1).split(",");
  return parts.length === 3 && parts.every((part) => /^(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(part.trim()));
}

function isDay(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return isDate(Number(year), Number(month), Number(day));
}

function isDateTime(text: string): boolean {
  const [day = "", time = ""] = text.toLowerCase().split("t");
  const [, hour = "", minute = "", second = ""] = /^(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/.exec(time) ?? [];
  return isDay(day) && hour !== "" && hour <= "23" && minute <= "59" && second <= "59";
}

const units = /^(?:ns|us|\u00b5s|ms|s|m|h|hr|d|w|wk|nano.*|micro.*|milli.*|sec.*|min.*|hour.*|day.*|week.*)$/i;
const amountMax = 2 ** 63;

/** Go's form, or anywhere in the text whole numbers with units, of which one is known. */
function isDuration(text: string): boolean {
  if (isGoDuration(text)) return true;
  let known = false;
  // Digits, white space and letters come one after another: each is looked at once.
  for (let at = 0; at < text.length;) {
    const digitsEnd = endOf(text, at, isDigit);
    if (digitsEnd === at) {
      at += 1;
      continue;
    }
    const spaceEnd = endOf(text, digitsEnd, isSpace);
    const unitEnd = endOf(text, spaceEnd, isUnitLetter);
    if (unitEnd > spaceEnd) {
      if (Number(text.slice(at, digitsEnd)) >= amountMax) return false;
      known ||= units.test(text.slice(spaceEnd, unitEnd));
    }
    at = unitEnd;
  }
  return known;
}

function isGoDuration(text: string): boolean {
  try {
    goDurationNanos(text);
    return true;
  } catch (error) {
    if (error instanceof GoDurationError) return false;
    throw error;
  }
}

function endOf(text: string, start: number, fits: (character: string) => boolean): number {
  let at = start;
  while (at < text.length && fits(text[at] ?? "")) at += 1;
  return at;
}

const isDigit = (character: string): boolean => character >= "0" && character <= "9";
const isSpace = (character: string): boolean => " \t\n\f\r".includes(character);
const isUnitLetter = (character: string): boolean => /^[A-Za-z\u00b5]$/.test(character);

function isCidr(text: string): boolean {
  const [address = "", length = "", more] = text.split("/");
  if (more !== undefined || !/^\d{1,3}$/.test(length) || parseIp(address) === undefined) return false;
  return Number(length) <= (address.includes(":") ? 128 : 32);
}

function isIsbn10(text: string): boolean {
  const found = text.replaceAll(/[\s-]/g, "");
  if (!/^\d{9}[\dX]$/.test(found)) return false;
  const sum = Array.from(found).reduce((all, digit, at) => all + (digit === "X" ? 10 : Number(digit)) * (at + 1), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const found = text.replaceAll(/[\s-]/g, "");
  if (!/^\d{13}$/.test(found)) return false;
  return Array.from(found).reduce((all, digit, at) => all + Number(digit) * (at % 2 === 0 ? 1 : 3), 0) % 10 === 0;
}

/** True for what fits, and for every text when the format is not known. */
export function fitsFormat(format: string, text: string): boolean {
  return tests.get(format.replaceAll("-", ""))?.(text) ?? true;
}

/** True when upstream publishes the format: another one is no more than a hint to people. */
export function isKnownFormat(type: string, format: string): boolean {
  if (type === "" || type === "string") return tests.has(format.replaceAll("-", ""));
  if (type === "integer") return format === "int32" || format === "int64";
  return type === "number" && (format === "float" || format === "double");
}
