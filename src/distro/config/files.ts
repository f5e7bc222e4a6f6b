/**
 * Reads the configuration file and the folder of further ones beside it (config.yaml and config.yaml.d/*.yaml, in
 * alphabetical order). A later file replaces a key; a key that ends in "+" adds to the list so far.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/assert.ts";
import type { Role, SettingName } from "./settings.ts";
import { ConfigError, settingFor, type Written } from "./values.ts";

/** @param required True when the user named the file: it must exist then. @throws ConfigError */
export async function readConfigFiles(
  path: string,
  role: Role,
  required: boolean,
): Promise<ReadonlyMap<SettingName, Written>> {
  const values = new Map<SettingName, Written>();
  for (const file of [path, ...dropIns(`${path}.d`)]) {
    const text = readText(file, required && file === path);
    if (text === undefined) continue;
    for (const [key, value] of await entriesOf(text, file)) add(values, { key, value, file, role });
  }
  return values;
}

function dropIns(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw new ConfigError(`expected to read the folder ${folder}, found ${messageOf(error)}`);
  }
}

function readText(file: string, required: boolean): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isMissing(error) && !required) return undefined;
    throw new ConfigError(`expected to read the configuration file ${file}, found ${messageOf(error)}`);
  }
}

async function entriesOf(text: string, file: string): Promise<[string, unknown][]> {
  // Most machines have no configuration file, and none needs YAML to start then.
  const { parseYaml, YamlError } = await import("#wire/yaml.ts");
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    if (error instanceof YamlError) throw new ConfigError(`expected YAML in ${file}, found ${error.message}`);
    throw error;
  }
  if (value === null) return [];
  if (typeof value === "object" && !Array.isArray(value)) return Object.entries(value);
  throw new ConfigError(`expected keys and values in ${file}, found ${JSON.stringify(value)}`);
}

interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly file: string;
  readonly role: Role;
}

function add(values: Map<SettingName, Written>, { key, value, file, role }: Entry): void {
  const source = `key "${key}" of ${file}`;
  const named = settingFor(key.replace(/\+$/, ""), role, source);
  if (!key.endsWith("+")) {
    values.set(named.name, { value, source });
    return;
  }
  if (named.setting.type !== "list") {
    throw new ConfigError(
      `expected a list for ${source}, which adds to it, found the setting of one ${named.setting.type}`,
    );
  }
  const items = (one: unknown): unknown[] => (Array.isArray(one) ? one : [one]);
  const earlier = values.get(named.name);
  values.set(named.name, { value: [...(earlier ? items(earlier.value) : []), ...items(value)], source });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
