/**
 * The short text that stands for a pod template in names and labels. The same template always gives the same text,
 * whatever order its members came in; a collision count gives another text for the same template.
 */
import { suffixLetters } from "#base/random.ts";

/** Letters and digits that are safe in names, at most ten of them. */
export function contentHash(content: unknown, collisionCount = 0): string {
  const salt = collisionCount === 0 ? "" : `#${collisionCount}`;
  return suffixLetters(String(fnv1a(canonicalJson(content) + salt)));
}

/** JSON with members in the order of their names, so that equal values are equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function fnv1a(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01_00_01_93);
  return hash >>> 0;
}
