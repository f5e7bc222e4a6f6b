/**
 * The formats a schema may name for a text. Others are passed over, as upstream does.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
import { base64, fromBase64 } from "#base/bytes.ts";
import { parseIp } from "../ip-address.ts";

type Test = (text: string) => boolean;

const matches =
  (form: RegExp): Test =>
  (text) =>
    form.test(text);

const digits = (text: string): string => text.replaceAll(/[^0-9]/g, "");

const tests: Readonly<Record<string, Test>> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  uri: (text) => URL.canParse(text) || /^\/\S*$/.test(text),
  email: matches(/^(?:[^<>]*<)?[^\s@<>]+@[^\s@<>]+>?$/),
  hostname: (text) => text.length <= 255 && text.split(".").every((part) => hostLabel.test(part)),
  ipv4: (text) => isAddress(text, 4),
  ipv6: (text) => isAddress(text, 6),
  cidr: isCidr,
  mac: matches(/^(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1)+[0-9a-fA-F]{2}$|^(?:[0-9a-fA-F]{4}\.)+[0-9a-fA-F]{4}$/),
  uuid: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid3: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid4: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  uuid5: matches(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: (text) => cardForm.test(digits(text)),
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: matches(/^rgb\(\s*(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\s*(?:,\s*(?!\))|(?=\)))){3}\)$/),
  byte: (text) => base64(fromBase64(text)) === text,
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  duration: matches(/^\s*[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)\s*(?:[a-zµμ]+)\s*)+)$/i),
  datetime: (text) => timeForm.test(text) && !Number.isNaN(Date.parse(text)),
  k8sshortname: (text) => text.length <= 63 && nameLabel.test(text),
  k8slongname: (text) => text.length <= 253 && text.split(".").every((part) => nameLabel.test(part)),
};

const hostLabel = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;
const nameLabel = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const timeForm = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d)$/;
const cardForm =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;

function isAddress(text: string, version: 4 | 6): boolean {
  return parseIp(text) !== undefined && text.includes(":") === (version === 6);
}

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
  return tests[format.replaceAll("-", "")]?.(text) ?? true;
}

/** True when upstream publishes the format: another one is no more than a hint to people. */
export function isKnownFormat(type: string, format: string): boolean {
  if (type === "" || type === "string")
    return Object.hasOwn(tests, format.replaceAll("-", "")) || format === "password";
  if (type === "integer") return format === "int32" || format === "int64";
  return type === "number" && (format === "float" || format === "double");
}
