/** Holds the documentation to what is there: the table of settings, and links between pages. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { namedSettings, type NamedSetting } from "../../src/distro/config/settings.ts";

const root = join(import.meta.dirname, "../..");
const page = join(root, "docs/operating/settings.md");
const part = /(<!-- settings: .* -->\n).*(<!-- end -->)/s;

function row({ flag, setting }: NamedSetting): string {
  const value = setting.type === "switch" ? "" : ` ${setting.value}`;
  const short = setting.short === undefined ? "" : `, \`-${setting.short}\``;
  const given = "default" in setting && String(setting.default) !== "" ? `\`${String(setting.default)}\`` : "";
  const variable = setting.env === undefined ? "" : `\`KEDGE_${setting.env}\``;
  const roles = setting.roles.join(", ");
  return `| \`--${flag}${value}\`${short} | ${given} | ${variable} | ${roles} | ${setting.help} |`;
}

test("docs/operating/settings.md lists every setting as it is", () => {
  const head = "| flag | default | variable | of | what it is |\n| --- | --- | --- | --- | --- |\n";
  const table = `\n${head}${namedSettings.map(row).join("\n")}\n\n`;
  const found = readFileSync(page, "utf8");
  const expected = found.replace(part, (_, begin: string, end: string) => `${begin}${table}${end}`);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(page, expected);
  else assert.equal(found, expected, "run npm run ok -- --update");
});

test("links between pages lead somewhere", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: root });
  const broken = pages.flatMap((from) =>
    [...readFileSync(join(root, from), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(root, dirname(from), target)))
      .map((target) => `${from}: ${target}`),
  );
  assert.deepEqual(broken, []);
});
