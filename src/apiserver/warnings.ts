/**
 * Sentences for the person at the other end, as Warning headers.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7234#section-5.5
 */
import { utf8 } from "#base/bytes.ts";

/** Upstream's values. Beyond the first, each sentence is cut to the second, and those that still do not fit are left out. */
export const warningLimits = { charactersMax: 4 * 1024, cutCharacters: 256 } as const;

/** One value for each header. Sentences that were said already, and those with control characters, are left out. */
export function warningHeaders(sentences: readonly string[]): string[] {
  const said = [...new Set(sentences)].filter((sentence) => !/\p{Cc}/u.test(sentence)).map((text) => Array.from(text));
  const total = said.reduce((sum, characters) => sum + characters.length, 0);
  if (total <= warningLimits.charactersMax) return said.map((characters) => headerOf(characters.join("")));
  const kept: string[] = [];
  let used = 0;
  for (const characters of said) {
    const cut = characters.slice(0, warningLimits.cutCharacters);
    used += cut.length;
    if (used > warningLimits.charactersMax) break;
    kept.push(headerOf(cut.join("")));
  }
  return kept;
}

/** Node writes a header's characters as bytes: those of the sentence in UTF-8, as upstream sends them. */
function headerOf(sentence: string): string {
  const quoted = sentence.replaceAll(/["\\]/g, "\\$&");
  return Buffer.from(utf8(`299 - "${quoted}"`)).toString("latin1");
}
