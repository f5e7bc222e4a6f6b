/** The password of a node's name: made once by its machine and kept there. Who has it may join under the name again. */
import { machineRandom as random } from "#base/random.ts";
import { readSecret, writeSecret } from "./certificates/files.ts";

const passwordBytes = 32;

/** The password in the file, which is made when there is none. */
export function nodePassword(path: string): string {
  const known = readSecret(path);
  if (known !== undefined) return known;
  const made = Buffer.from(random.bytes(passwordBytes)).toString("hex");
  writeSecret(path, made, { durable: true });
  return made;
}
