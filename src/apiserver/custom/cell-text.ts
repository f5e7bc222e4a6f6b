/** Values as the text of one cell, which is for people: what is too long to read is cut while it is written. */
import type { JsonValue } from "#machinery/shape.ts";

/** Differs from upstream, which knows no limit: a table would hold every object as often as it has columns. */
export const cellLengthMax = 4_096;

const cut = "…";

/** The values as JSON, texts as they are, with commas in between. */
export function cellText(values: readonly JsonValue[]): string {
  const cell = new Cell();
  for (const [at, value] of values.entries()) {
    if (at > 0) cell.add(",");
    if (typeof value === "string") cell.add(value);
    else write(cell, value);
    if (cell.isFull) return `${cell.text}${cut}`;
  }
  return cell.text;
}

class Cell {
  text = "";
  isFull = false;

  add(part: string): void {
    const room = cellLengthMax - this.text.length;
    this.isFull ||= part.length > room;
    this.text += part.length > room ? part.slice(0, room) : part;
  }
}

function write(cell: Cell, value: JsonValue): void {
  if (cell.isFull) return;
  if (typeof value === "string") cell.add(JSON.stringify(value.slice(0, cellLengthMax)));
  else if (typeof value !== "object" || value === null) cell.add(String(value));
  else if (Array.isArray(value)) writeList(cell, value);
  else writeObject(cell, value as Readonly<Record<string, JsonValue | undefined>>);
}

function writeList(cell: Cell, items: readonly JsonValue[]): void {
  cell.add("[");
  for (const [at, item] of items.entries()) {
    if (cell.isFull) return;
    if (at > 0) cell.add(",");
    write(cell, item);
  }
  cell.add("]");
}

function writeObject(cell: Cell, object: Readonly<Record<string, JsonValue | undefined>>): void {
  cell.add("{");
  let isFirst = true;
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    if (cell.isFull) return;
    cell.add(`${isFirst ? "" : ","}${JSON.stringify(name)}:`);
    isFirst = false;
    write(cell, value);
  }
  cell.add("}");
}
