/** `kedge agent`: a node of a cluster whose server is elsewhere. */
import { StartError } from "./data-folder.ts";
import type { ServerRun } from "./server.ts";

export async function runAgent({ config }: ServerRun, _signal: AbortSignal): Promise<void> {
  if (config.server === undefined) throw new StartError("expected the URL of a server in --server, found none", 2);
  throw new StartError("expected a server that lets agents join, found none of this version");
}
