/** What a hostile sender makes of a good input: of its text or bytes, of its values, and by the shape of its kind. */
import { own } from "#base/own.ts";
import { fieldsOf } from "#machinery/shape.ts";
import type { JsonObject, JsonValue, ScalarType, Shape } from "#machinery/shape.ts";
import type { Chance } from "./chance.ts";

/** The longest input. What is longer meets the limits of bodies, which clients.ts tries. */
export const inputLengthMax = 64 * 1024;

/** Names that every JavaScript object answers to. */
export const inheritedNames = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "__defineGetter__",
  "__lookupSetter__",
  "isPrototypeOf",
  "toJSON",
  "then",
  "length",
] as const;

const hostileTexts: readonly string[] = [
  ...inheritedNames,
  "",
  " ",
  "\0",
  "\u2028",
  "\uD800",
  "\uDC00\uD800",
  "\u202E",
  "é".normalize("NFD"),
  "𝒦",
  "ﬀ",
  "-",
  "..",
  "../../etc/shadow",
  "/",
  "%00",
  "%2e%2e%2f",
  "null",
  "true",
  "NaN",
  "Infinity",
  "-0",
  "0x10",
  "1e309",
  "-1e309",
  "1e-400",
  "9223372036854775808",
  "0".repeat(2_000),
  "9".repeat(2_000),
  "a".repeat(5_000),
  "a.".repeat(2_000),
  "(".repeat(2_000),
  "[".repeat(2_000),
  "{".repeat(2_000),
  "(a+)+$",
  "${a}",
  "$(A)",
  "{{",
  "\r\n\r\n",
  "=",
  "!",
  ",",
  "a in (b",
  "@every 1ns",
  "* * * * *",
  "1Gi",
  "-1",
  "0.5m",
  "1h",
  "2026-01-01T00:00:00Z",
  "0000-00-00T00:00:00Z",
  "9999-12-31T23:59:59.999999999Z",
  "10.0.0.1",
  "::1",
  "127.0.0.1",
  "0.0.0.0/0",
  "AAAA",
  "!!binary",
  "&a [*a, *a]",
];

export function hostileText(chance: Chance): string {
  return chance.pick(hostileTexts);
}

/** One to four changes, one after another. Chars are bytes where the input is bytes. */
export function mutateText(chance: Chance, corpus: readonly string[]): string {
  let text = chance.pick(corpus);
  for (let left = chance.pick([1, 1, 2, 4]); left > 0; left -= 1)
    text = chance.pick(textMutations)(chance, text, corpus);
  return text.slice(0, inputLengthMax);
}

type TextMutation = (chance: Chance, text: string, corpus: readonly string[]) => string;

function cut(chance: Chance, text: string): readonly [string, string, string] {
  const from = chance.below(text.length + 1);
  const to = from + chance.below(Math.min(text.length - from, chance.pick([1, 4, 64, 4_096])) + 1);
  return [text.slice(0, from), text.slice(from, to), text.slice(to)];
}

const textMutations: readonly TextMutation[] = [
  // A bit of one character.
  (chance, text) => {
    const [before, , after] = cut(chance, text);
    return `${before}${String.fromCharCode((after.charCodeAt(0) || 0) ^ (1 << chance.below(8)))}${after.slice(1)}`;
  },
  (chance, text) => {
    const [before, , after] = cut(chance, text);
    return before + after;
  },
  (chance, text) => {
    const [before, part, after] = cut(chance, text);
    return before + part.repeat(chance.pick([2, 3, 100, 3_000])).slice(0, inputLengthMax) + after;
  },
  (chance, text) => {
    const [before, , after] = cut(chance, text);
    return before + hostileText(chance) + after;
  },
  (chance, text) => {
    const [before, part, after] = cut(chance, text);
    return before + hostileText(chance) + part + after;
  },
  // The head of one and the tail of another.
  (chance, text, corpus) => cut(chance, text)[0] + cut(chance, chance.pick(corpus))[2],
  // A number, elsewhere another.
  (chance, text) => {
    const numbers = ["0", "-1", "2147483648", "9007199254740993", "1e400", "0.1", "4294967296"];
    return text.replace(/\d+/, chance.pick(numbers));
  },
  // A name, elsewhere an inherited one.
  (chance, text) => {
    const words = [...text.matchAll(/[A-Za-z]{2,}/g)].slice(0, 200);
    if (words.length === 0) return text;
    const { index, 0: word } = chance.pick(words);
    return text.slice(0, index) + chance.pick(inheritedNames) + text.slice(index + word.length);
  },
  (chance, text) => {
    const [open, close] = chance.pick(["[]", "{}", "()", '""', "<>"]);
    const depth = chance.pick([1, 50, 1_000, 20_000]);
    return `${open?.repeat(depth)}${text}${close?.repeat(depth)}`;
  },
  (chance, text) => {
    const bytes = ["\0", "\xff", "\x80", "\xff\xff\xff\xff\x7f", "\u0000\u0001", "\x0a"];
    const [before, , after] = cut(chance, text);
    return before + chance.pick(bytes).repeat(chance.pick([1, 2, 500])) + after;
  },
];

/** A value that is no use to anybody. */
export function hostileValue(chance: Chance): JsonValue {
  switch (chance.below(12)) {
    case 0:
      return null;
    case 1:
      return chance.oneIn(2);
    case 2:
      return chance.pick([0, -1, 1, 2_147_483_647, 2_147_483_648, -2_147_483_649, 9_007_199_254_740_991, 1e308, 0.5]);
    case 3:
      return [];
    case 4:
      return {};
    case 5:
      return [hostileText(chance), null, {}];
    case 6:
      return withKey({}, chance.pick(inheritedNames), hostileText(chance));
    case 7:
      return Array.from({ length: chance.pick([100, 2_000]) }, () => "a");
    case 8:
      return Object.fromEntries(Array.from({ length: chance.pick([100, 2_000]) }, (_, at) => [`k${at}`, "v"]));
    case 9:
      return nested(chance.pick([10, 200, 900]), chance.oneIn(2));
    default:
      return hostileText(chance);
  }
}

function nested(depth: number, inList: boolean): JsonValue {
  let value: JsonValue = "deep";
  for (let left = depth; left > 0; left -= 1) value = inList ? [value] : { a: value };
  return value;
}

/** A copy with one more member, whatever its name. */
export function withKey(object: JsonObject, key: string, value: JsonValue): JsonObject {
  const copy = { ...object };
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

/** One change anywhere below: a value replaced, a member left out, doubled or renamed. The value given is not changed. */
export function mutateValue(chance: Chance, value: JsonValue): JsonValue {
  if (chance.oneIn(5)) return hostileValue(chance);
  if (Array.isArray(value)) {
    if (value.length === 0 || chance.oneIn(6)) return [...value, chance.oneIn(2) ? hostileValue(chance) : value.at(-1)];
    const at = chance.below(value.length);
    if (chance.oneIn(8)) return value.toSpliced(at, 1);
    return value.with(at, mutateValue(chance, value[at]));
  }
  if (typeof value !== "object" || value === null) return hostileValue(chance);
  // Holds because arrays and null are excluded above.
  const object = value as JsonObject;
  const keys = Object.keys(object);
  const key = keys.length === 0 ? chance.pick(inheritedNames) : chance.pick(keys);
  if (chance.oneIn(8)) return withKey(object, hostileText(chance), own(object, key) ?? hostileValue(chance));
  if (chance.oneIn(8)) return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
  return withKey(object, key, mutateValue(chance, own(object, key) ?? null));
}

const plausible: Readonly<Record<ScalarType, readonly JsonValue[]>> = {
  string: ["a", "web", "default", "a/b", "example.com/a", "/data", "TCP", "Always", "http://a/b"],
  bool: [true, false],
  int32: [0, 1, 80, 65_535, 2_147_483_647, -1],
  int64: [0, 1, 1_000, 9_007_199_254_740_991, -1],
  double: [0.5],
  bytes: ["", "AAAA", "AAA", "?"],
  time: ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"],
  microTime: ["2026-01-01T00:00:00.000000Z"],
  duration: ["1h", "0s", "-1ns"],
  quantity: ["1", "100m", "1Gi", "1e3", "0", "-1", 1, 0.5, "9e99"],
  intOrString: [80, "50%", "http", -1, "101%", "200"],
  any: [{}, 1, "a", [null]],
  rawExtension: [{}, { apiVersion: "v1", kind: "Pod" }],
  fieldsV1: [{}, { "f:metadata": {} }, { "k:{}": { ".": {} } }, { "v:[": {} }],
};

/** A value that fits the shape, with a hostile one here and there. */
export function grownValue(chance: Chance, shape: Shape, depth = 0): JsonValue {
  if (chance.oneIn(25)) return hostileValue(chance);
  switch (shape.kind) {
    case "lazy":
      return grownValue(chance, shape.get(), depth);
    case "scalar":
      if (chance.oneIn(8)) return hostileText(chance);
      if (shape.oneOf && !chance.oneIn(8)) return chance.pick(shape.oneOf.length === 0 ? [""] : shape.oneOf);
      return chance.pick(plausible[shape.type]);
    case "list":
      return Array.from({ length: chance.below(3) }, () => grownValue(chance, shape.item, depth + 1));
    case "map": {
      const key = chance.oneIn(4) ? hostileText(chance) : chance.pick(["a", "app", "cpu", "memory", "pods"]);
      return withKey({}, key, grownValue(chance, shape.value, depth + 1));
    }
    case "object": {
      const fields = [...fieldsOf(shape)];
      let made: JsonObject = {};
      for (const [name, field] of fields)
        if (depth < 8 && (field.presence === "required" || chance.oneIn(depth < 2 ? 3 : 6)))
          made = withKey(made, name, grownValue(chance, field.shape, depth + 1));
      return made;
    }
  }
}

/** `value` with one field that its shape knows set to something else, at a depth that chance chooses. */
export function mutateByShape(chance: Chance, value: JsonValue, shape: Shape): JsonValue {
  if (shape.kind === "lazy") return mutateByShape(chance, value, shape.get());
  if (shape.kind === "list" && Array.isArray(value) && value.length > 0) {
    const at = chance.below(value.length);
    if (chance.oneIn(4)) return [...value, grownValue(chance, shape.item, 4)];
    return value.with(at, mutateByShape(chance, value[at], shape.item));
  }
  if (shape.kind !== "object" || typeof value !== "object" || value === null || Array.isArray(value))
    return grownValue(chance, shape, 3);
  const fields = [...fieldsOf(shape)];
  if (fields.length === 0) return hostileValue(chance);
  const [name, field] = chance.pick(fields);
  // Holds because arrays and null are excluded above.
  const object = value as JsonObject;
  const now = Object.hasOwn(object, name) ? object[name] : undefined;
  return withKey(
    object,
    name,
    now === undefined ? grownValue(chance, field.shape, 3) : mutateByShape(chance, now, field.shape),
  );
}
