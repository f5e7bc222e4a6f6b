/**
 * Scaffolds src/resources from the public Go packages of the Kubernetes API: `tools/node.sh tools/gen-api/main.ts DIR`,
 * where DIR holds `api`, `apimachinery` and `apiextensions-apiserver`. What it wrote is then owned by hand, so it
 * refuses to overwrite a file. checksums.txt beside it names the packages it was last run on.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { argv } from "node:process";
import { layOut, type Model } from "./lay-out.ts";
import { parsePackage, type GoPackage } from "./parse-go.ts";
import { groups } from "./plan.ts";
import { writeCatalogue, writeSource } from "./write-source.ts";

const packagesDir = argv[2];
if (packagesDir === undefined) throw new Error("expected the folder of the Go packages as the argument, found none");

const outDir = join(import.meta.dirname, "../../src/resources");
const packages = new Map<string, GoPackage>(
  groups.map((group) => [`${group.folder}/${group.version}`, parsePackage(goFiles(group.goPath))]),
);
const model: Model = { packages, groups };

function goFiles(goPath: string): string[] {
  const dir = join(packagesDir ?? "", goPath);
  return ["types.go", "types_jsonschema.go"].map((name) => join(dir, name)).filter((path) => existsSync(path));
}

for (const file of layOut(model)) {
  const path = join(outDir, file.path);
  if (existsSync(path)) throw new Error(`expected no file at "${path}", found one: it is owned by hand now`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, writeSource(model, file));
}
writeFileSync(join(outDir, "catalogue.ts"), writeCatalogue(model));
