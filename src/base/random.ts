/** Chance, as something that is given, so that a seed can reproduce a run. */
import { randomBytes, randomUUID } from "node:crypto";

export interface Random {
  /** A UUID, version 4. */
  uuid(): string;
  /** A fraction in [0, 1). Not for secrets. */
  fraction(): number;
  /** `length` characters of the alphabet Kubernetes uses for generated names. */
  suffix(length: number): string;
  /** Unpredictable bytes, fit for secrets. The caller owns them. */
  bytes(length: number): Uint8Array;
}

// Vowels and look-alikes are left out, so that no word and no confusion arises; the alphabet upstream uses.
const suffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Letters for `length` random bytes. */
export function suffixFrom(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => suffixAlphabet.charAt(byte % suffixAlphabet.length)).join("");
}

/** The same alphabet for a text that is given: safe in names, and never a word. */
export function suffixLetters(text: string): string {
  return Array.from(text, (sign) => suffixAlphabet.charAt(sign.charCodeAt(0) % suffixAlphabet.length)).join("");
}

export const machineRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
  suffix: (length) => suffixFrom(randomBytes(length)),
  bytes: (length) => randomBytes(length),
};
