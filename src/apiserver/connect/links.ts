/**
 * Links of a page that is seen through the API server's proxy: those from the root of the site are led below the
 * proxy's own path, as upstream does it. Everything else of the page stays as it is.
 */
import { own } from "#base/own.ts";

/** Attributes that hold an address, by element. */
const addresses: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["formaction", "src", "usemap"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

const tagName = /[A-Za-z][A-Za-z0-9]*(?=\s)/y;
const attribute = /(?<=\s)[A-Za-z]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)/g;
const beforeValue = /^([A-Za-z]+)\s*=\s*(["']?)/;
// A tag that is longer is passed on as it is.
const tagCharactersMax = 64 * 1024;

/** Where an address leads below the proxy: only one from the root of the same site moves, and only once. */
export function movedAddress(address: string, prefix: string): string {
  const stays = !address.startsWith("/") || address.startsWith("//") || address.startsWith(prefix);
  return stays ? address : prefix + address;
}

/** The page in pieces, with its links moved. Bytes are taken as characters, so that any encoding survives. */
export async function* withMovedLinks(body: AsyncIterable<Uint8Array>, prefix: string): AsyncGenerator<Uint8Array> {
  let held = "";
  for await (const chunk of body) {
    const text = held + Buffer.from(chunk).toString("latin1");
    const open = text.lastIndexOf("<");
    // A tag may end in the next piece.
    const isCut = open >= 0 && !text.includes(">", open) && text.length - open < tagCharactersMax;
    held = isCut ? text.slice(open) : "";
    yield Buffer.from(moved(isCut ? text.slice(0, open) : text, prefix), "latin1");
  }
  yield Buffer.from(moved(held, prefix), "latin1");
}

function moved(text: string, prefix: string): string {
  const parts: string[] = [];
  // Where a tag can end at all: without it each of many open tags would look for its end up to the end of the page.
  const lastEnd = text.lastIndexOf(">");
  let from = 0;
  for (let at = text.indexOf("<"); at >= 0 && at < lastEnd; at = text.indexOf("<", at + 1)) {
    tagName.lastIndex = at + 1;
    const [name] = tagName.exec(text) ?? [];
    if (name === undefined) continue;
    const end = text.indexOf(">", at);
    const names = own(addresses, name.toLowerCase());
    if (names) {
      const attributesAt = at + 1 + name.length;
      const attributes = text.slice(attributesAt, end);
      parts.push(text.slice(from, attributesAt));
      parts.push(attributes.replace(attribute, (one) => movedAttribute(one, names, prefix)));
      from = end;
    }
    at = end;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

function movedAttribute(text: string, names: readonly string[], prefix: string): string {
  const [head = "", key = "", quote = ""] = beforeValue.exec(text) ?? [];
  if (!names.includes(key.toLowerCase())) return text;
  return head + movedAddress(text.slice(head.length, text.length - quote.length), prefix) + quote;
}
