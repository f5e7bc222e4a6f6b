/** The sources of the product, for checks over all of them. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** `src/a/b.ts` for every file that is no test. */
export function sourcePaths(): readonly string[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !name.startsWith("testing/"))
    .map((name) => `src/${name}`)
    .sort();
}
