/** Writes packages.lock.json anew, from the newest packages there are: `sh tools/node.sh tools/runtime/pin.ts`. */
import { join } from "node:path";
import { recipe } from "../../src/host/runtime-bundle.ts";
import { DebianArchive } from "./debian.ts";
import { runsUnderLock } from "./lock.ts";
import { writePackagesLock } from "./packages-lock.ts";

const root = join(import.meta.dirname, "../..");

if (!runsUnderLock(root)) {
  const archive = new DebianArchive(join(root, ".kedge/cache/debian"));
  if (!(await archive.refresh())) throw new Error("expected to reach Debian's archive, found that it cannot be");
  const debs = await archive.fetch(recipe.packages);
  writePackagesLock(root, debs);
  console.log(`${debs.length} packages locked; the next start of kedge builds the bundle of them`);
}
