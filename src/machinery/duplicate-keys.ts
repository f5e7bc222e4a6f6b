/**
 * Finds members that a JSON text names twice, which JSON.parse passes over in silence. A scan over bytes that are
 * known to be JSON: it checks nothing else.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
 */

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
// More than this says nothing new to anybody.
const foundMax = 100;

interface Level {
  /** Undefined in a list. */
  readonly keys: Set<string> | undefined;
  /** Of the value that is read: a member's name, or an index. */
  step: string;
  index: number;
}

/** @returns `duplicate field "spec.a"` for each. */
export function duplicateKeys(json: Uint8Array): readonly string[] {
  const found: string[] = [];
  const levels: Level[] = [];
  for (let at = 0; at < json.length; at += 1) {
    switch (json[at] ?? 0) {
      case 0x7b: // {
        levels.push({ keys: new Set(), step: "", index: 0 });
        break;
      case 0x5b: // [
        levels.push({ keys: undefined, step: "[0]", index: 0 });
        break;
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop();
        break;
      case 0x2c: {
        // ,
        const level = levels.at(-1);
        if (level && !level.keys) level.step = `[${(level.index += 1)}]`;
        break;
      }
      case quote: {
        const end = endOfString(json, at);
        const level = levels.at(-1);
        if (level?.keys && isKey(json, end)) note(json.subarray(at, end + 1), { level, levels, found });
        at = end;
        break;
      }
      default:
    }
  }
  return found;
}

function endOfString(json: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at;
}

/** True when a colon follows, past white space. */
function isKey(json: Uint8Array, end: number): boolean {
  let at = end + 1;
  while (at < json.length && (json[at] ?? 0) <= 0x20) at += 1;
  return json[at] === colon;
}

function note(
  text: Uint8Array,
  { level, levels, found }: { level: Level; levels: readonly Level[]; found: string[] },
): void {
  const name = nameOf(text);
  level.step = name;
  if (level.keys?.has(name) && found.length < foundMax) found.push(`duplicate field "${pathOf(levels)}"`);
  level.keys?.add(name);
}

function nameOf(text: Uint8Array): string {
  const plain = Buffer.from(text.buffer, text.byteOffset + 1, text.length - 2).toString("utf8");
  return plain.includes("\\") ? String(JSON.parse(`"${plain}"`)) : plain;
}

function pathOf(levels: readonly Level[]): string {
  let path = "";
  for (const { step, keys } of levels) path += keys && path !== "" ? `.${step}` : step;
  return path;
}
