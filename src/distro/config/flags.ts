/** Reads the command line of a role: `--name value`, `--name=value`, `-n value`; a switch needs no value. */
import { type NamedSetting, type Role, type SettingName, settingsOf } from "./settings.ts";
import { ConfigError, settingFor, type Written } from "./values.ts";

export type Flags =
  | { readonly kind: "help" }
  /** Repeated flags of a list are one list; of all others the last counts. */
  | { readonly kind: "flags"; readonly values: ReadonlyMap<SettingName, Written> };

/** @throws ConfigError */
export function readFlags(role: Role, args: readonly string[]): Flags {
  const values = new Map<SettingName, Written>();
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    if (arg === "--help" || arg === "-h") return { kind: "help" };
    const { named, inline } = flagOf(role, arg);
    const source = `flag --${named.flag}`;
    const { type } = named.setting;
    let value: unknown = inline;
    if (inline === undefined && type === "switch") value = true;
    else if (inline === undefined) {
      at += 1;
      value = args[at];
      if (value === undefined) throw new ConfigError(`expected a value after ${source}, found the end of the command`);
    }
    const earlier = values.get(named.name)?.value;
    if (type === "list") value = Array.isArray(earlier) ? [...(earlier as unknown[]), value] : [value];
    values.set(named.name, { value, source });
  }
  return { kind: "flags", values };
}

function flagOf(role: Role, arg: string): { readonly named: NamedSetting; readonly inline: string | undefined } {
  const [, dashes = "", name = "", inline] = /^(--?)([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
  if (dashes === "") throw new ConfigError(`expected a flag like --data-dir, found "${arg}"`);
  const short = settingsOf(role).find(({ setting }) => dashes === "-" && setting.short === name);
  // Go's flag package, which kubectl's klog flags come from, takes long names after a single dash too.
  return { named: short ?? settingFor(name, role, "a flag"), inline };
}
