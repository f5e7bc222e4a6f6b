/**
 * Why a container ended, in its own words: the file it wrote, or the end of its log.
 *
 * @see https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
 */
import type { Files } from "#host/files.ts";
import { annotation } from "../plan/identity.ts";
import type { ObservedContainer } from "../plan/observation.ts";
import { readLastLines } from "../container-log.ts";

const messageBytesMax = 4096;
const logLinesMax = 80;
const logBytesMax = 2048;

/** "" when it said nothing. */
export async function lastWords(files: Files, container: ObservedContainer): Promise<string> {
  const path = container.annotations[annotation.terminationMessagePath];
  const policy = container.annotations[annotation.terminationMessagePolicy];
  const mount = container.mounts.find((one) => one.containerPath === path);
  const bytes = mount && (await files.readPart(mount.hostPath, { offset: 0, length: messageBytesMax }));
  const written = new TextDecoder().decode(bytes);
  if (written !== "" || policy !== "FallbackToLogsOnError" || container.exitCode === 0) return written;
  return await readLastLines(files, container.logPath, { linesMax: logLinesMax, bytesMax: logBytesMax });
}
