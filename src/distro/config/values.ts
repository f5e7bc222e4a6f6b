/** Turns what a user wrote, in a flag, a file or the environment, into the values of settings. */
import type { NamedSetting, Role, Setting } from "./settings.ts";
import { namedSettings, settingsOf } from "./settings.ts";

/** Something the user wrote that cannot be followed. The message is one sentence; the exit code is 2. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly exitCode = 2;
}

/** A value as it was written. */
export interface Written {
  readonly value: unknown;
  /** For messages: `flag --v`, `key "v" of /etc/kedge/config.yaml`. */
  readonly source: string;
}

/** @throws ConfigError when the value does not fit the setting. */
export function valueFor(setting: Setting, { value, source }: Written): string | number | boolean | readonly string[] {
  const wrong = (expected: string): ConfigError =>
    new ConfigError(`expected ${expected} for ${source}, found ${JSON.stringify(value)}`);
  switch (setting.type) {
    case "switch":
      if (value === true || value === "true" || value === "1") return true;
      if (value === false || value === "false" || value === "0") return false;
      throw wrong("true or false");
    case "number": {
      const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
      const { min, max } = setting;
      if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) return number;
      throw wrong(`a number from ${min} to ${max}`);
    }
    case "text": {
      const text = typeof value === "number" && setting.fromNumber ? setting.fromNumber(value) : textOf(value);
      if (text === undefined || text === "") throw wrong("text");
      const expected = setting.check?.(text);
      if (expected !== undefined) throw wrong(expected);
      return text;
    }
    case "list": {
      const items = (Array.isArray(value) ? value : [value]).map(textOf);
      if (items.includes(undefined)) throw wrong("a list of texts");
      const texts = items.flatMap((item) => (item ?? "").split(",")).filter((item) => item !== "");
      for (const text of texts) {
        const expected = setting.check?.(text);
        if (expected !== undefined) throw new ConfigError(`expected ${expected} for ${source}, found "${text}"`);
      }
      return texts;
    }
  }
}

/** The setting that is meant by a name. @throws ConfigError that tells the nearest name there is. */
export function settingFor(name: string, role: Role, source: string): NamedSetting {
  const known = settingsOf(role);
  const found = known.find(({ flag }) => flag === name);
  if (found) return found;
  if (namedSettings.some(({ flag }) => flag === name)) {
    throw new ConfigError(
      `expected a setting of kedge ${role} for ${source}, found "${name}", which only kedge ${role === "server" ? "agent" : "server"} has`,
    );
  }
  const near = nearest(
    name,
    known.map(({ flag }) => flag),
  );
  const hint = near === undefined ? "" : `; the nearest is "${near}"`;
  throw new ConfigError(`expected a setting of kedge ${role} for ${source}, found "${name}"${hint}`);
}

// No word that may be meant is half as long.
const nearestCharactersMax = 100;

/** The word that may have been meant; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > nearestCharactersMax) return undefined;
  const longer = word.length > 2 ? known.find((one) => one.startsWith(word)) : undefined;
  if (longer !== undefined) return longer;
  const [best] = known
    .map((one) => ({ one, distance: editDistance(one, word) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, word.length / 2) ? best.one : undefined;
}

/** YAML may have read a text like 0600 or 5 as a number. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : undefined;
}

/** Single-letter changes from one word to another. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
