/** The lines of a stream of bytes. */
import { concat, textOf } from "#base/bytes.ts";
import { unavailable } from "#machinery/status.ts";

// A watch event holds one object, which the API limits to 3 MiB, and its escapes.
const lineBytesMax = 16 * 1024 * 1024;
const lineFeed = 10;

export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let partsBytes = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      yield textOf(concat([...parts, chunk.subarray(start, end)]));
      parts = [];
      partsBytes = 0;
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
    partsBytes += chunk.length - start;
    if (partsBytes > lineBytesMax)
      throw unavailable(`expected lines of at most ${lineBytesMax} bytes, found a longer one`);
  }
}
