/** The words of `kubectl explain`, from the file that tools/descriptions.ts made when kedge was built. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { descriptionsFrom } from "#machinery/descriptions.ts";
import { noDescriptions, type Descriptions } from "#machinery/openapi.ts";
import { installRoot } from "../places.ts";

// Large and rarely needed: kept while documents are made one after the other, and no longer.
let known: WeakRef<Descriptions> | undefined;

/** Without the file there are no words. */
export function readDescriptions(): Descriptions {
  const held = known?.deref();
  if (held) return held;
  const file = join(installRoot, ".kedge/descriptions.json.gz");
  if (!existsSync(file)) return noDescriptions;
  const read = descriptionsFrom(gunzipSync(readFileSync(file)).toString());
  known = new WeakRef(read);
  return read;
}
