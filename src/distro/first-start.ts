/**
 * Whether a data directory holds a cluster already. A database without certificates, or certificates without a database,
 * is a cluster that lost a part of itself and not a new one; only a first start that was cut off looks the same, and is
 * told by a mark that stays until the cluster stands.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeSecret } from "./certificates/files.ts";
import { StartError } from "./data-folder.ts";

export interface Founding {
  /** True until the cluster stands: certificates and database may be made. */
  readonly first: boolean;
  /** Says that the cluster stands. What goes missing from now on is lost. */
  stands(): void;
}

/** @throws StartError in one sentence when the database is gone. */
export function foundingOf(dataDir: string): Founding {
  const mark = join(dataDir, "server/first-start");
  const stands = (): void => rmSync(mark, { force: true });
  if (existsSync(mark)) return { first: true, stands };
  const database = join(dataDir, "server/db/state.db");
  if (existsSync(database)) return { first: false, stands };
  const certificates = join(dataDir, "server/tls");
  if (holdsFiles(certificates))
    throw new StartError(
      `expected the database ${database} beside the certificates in ${certificates}, found no such file; restore the folder "server" from a backup, or remove "${join(dataDir, "server")}" to begin with an empty cluster`,
    );
  writeSecret(mark, "This cluster has not been up yet.\n", { durable: true });
  return { first: true, stands };
}

function holdsFiles(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}
