import assert from "node:assert/strict";
import { test } from "node:test";
import { withMovedLinks } from "./links.ts";

const prefix = "/api/v1/namespaces/n/pods/p/proxy";

async function through(...pieces: readonly string[]): Promise<string> {
  const body = (async function* () {
    for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece));
  })();
  const chunks: Uint8Array[] = [];
  for await (const chunk of withMovedLinks(body, prefix)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const pages: readonly (readonly [page: string, seen: string])[] = [
  ['<a href="/x">é</a>', `<a href="${prefix}/x">é</a>`],
  ["<IMG alt='/a' SRC='/b/'/>", `<IMG alt='/a' SRC='${prefix}/b/'/>`],
  ["<form action=/go method=post>", `<form action=${prefix}/go method=post>`],
  [
    '<a href="x"><a href="//other/x"><a href="http://other/x">',
    '<a href="x"><a href="//other/x"><a href="http://other/x">',
  ],
  [`<a href="${prefix}/x">`, `<a href="${prefix}/x">`],
  ['<p title="/x">1 < 2</p>', '<p title="/x">1 < 2</p>'],
];

for (const [page, seen] of pages)
  test(`${page} is seen as ${seen}`, async () => {
    assert.equal(await through(page), seen);
    assert.equal(await through(...page.split("")), seen);
  });

test("a page of open tags costs no more than its length", async () => {
  const page = "<a ".repeat(20_000);
  const startMs = performance.now();
  for (let count = 0; count < 20; count += 1) assert.equal(await through(page), page);
  assert.ok(performance.now() - startMs < 5000);
});
