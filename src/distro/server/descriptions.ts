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
  const read = descriptionsIn(join(installRoot, ".kedge/descriptions.json.gz"));
  known = new WeakRef(read);
  return read;
}

/** What is in the file; nothing when there is none, or a damaged one: every kubectl apply reads OpenAPI first. */
export function descriptionsIn(file: string): Descriptions {
  if (!existsSync(file)) return noDescriptions;
  try {
    return descriptionsFrom(gunzipSync(readFileSync(file)).toString());
  } catch {
    // Cut short, as by a machine that lost power while it was made: kubectl explain shows types only.
    return noDescriptions;
  }
}
