/**
 * Why a container ended, in its own words: the file it wrote, or the end of its log.
 *
 * @see https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
 */
import { basename, dirname, join } from "node:path/posix";
import type { Files } from "#host/files.ts";
import { annotation, label } from "../plan/identity.ts";
import type { ObservedContainer } from "../plan/observation.ts";
import { readLastLines } from "../container-log.ts";

/** Of a file the end is told, which is where a program says why it gives up. */
const messageBytesMax = 4096;
const logLinesMax = 80;
const logBytesMax = 2048;

/** Where kedge keeps the last words of a container's instances. Containers see one file of it, never the folder. */
export function lastWordsFolder(podFolder: string, container: string): string {
  return join(podFolder, "containers", container);
}

/** "" when it said nothing. */
export async function lastWords(
  { files, podFolder }: { readonly files: Files; readonly podFolder: string },
  container: ObservedContainer,
): Promise<string> {
  const policy = container.annotations[annotation.terminationMessagePolicy];
  const written = await writtenWords(files, podFolder, container);
  if (written !== "" || policy !== "FallbackToLogsOnError" || container.exitCode === 0) return written;
  return await readLastLines(files, container.logPath, { linesMax: logLinesMax, bytesMax: logBytesMax });
}

/** Only ever kedge's own file: a volume may be mounted at the same path, and holds whatever its writers want read. */
async function writtenWords(files: Files, podFolder: string, container: ObservedContainer): Promise<string> {
  const path = container.annotations[annotation.terminationMessagePath];
  const own = lastWordsFolder(podFolder, container.labels[label.containerName] ?? container.metadata.name);
  // Of two mounts at one path, the container saw the last.
  const mount = container.mounts.findLast((one) => one.containerPath === path && dirname(one.hostPath) === own);
  if (!mount) return "";
  using folder = await files.folder(own);
  const name = basename(mount.hostPath);
  const { sizeBytes = 0 } = (await folder?.facts(name)) ?? {};
  const offset = Math.max(sizeBytes - messageBytesMax, 0);
  const bytes = await folder?.readPart(name, { offset, length: messageBytesMax });
  return new TextDecoder().decode(bytes);
}
