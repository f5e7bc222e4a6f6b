/** The folder of images with files that cannot be used, and registries that do not answer. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { machineClock as clock } from "#base/clock.ts";
import { silentLog as log } from "#base/log.ts";
import { FakeRuntime } from "#testing/fake-runtime.ts";
import { ImageFolder } from "./images.ts";
import type { RuntimeBundle } from "./runtime-bundle.ts";

function startedOn(t: TestContext, files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "kedge-images-"));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    // Long since whole.
    utimesSync(join(folder, name), 0, 0);
  }
  const runtime = new FakeRuntime({ clock, images: [] });
  const pulled: string[] = [];
  const told = Promise.withResolvers<void>();
  runtime.pullImage = ({ image: { image } }) => {
    pulled.push(image);
    if (image.startsWith("tar.pit/")) return Promise.withResolvers<string>().promise;
    if (image.startsWith("good")) told.resolve();
    return image.startsWith("good") ? Promise.resolve(image) : Promise.reject(new Error("not found"));
  };
  const program = join(folder, "no-such-program");
  // Holds as far as an archive is concerned: its importer cannot be started.
  const bundle = { ctr: program } as RuntimeBundle;
  const memory = join(folder, "memory.json");
  const ready = (): Promise<void> => Promise.resolve();
  const images = new ImageFolder({ bundle, folder, memory, socket: "", runtime, ready, clock, log });
  const ending = new AbortController();
  void images.run(ending.signal).catch(() => undefined);
  t.after(() => {
    ending.abort(new Error("the test is over"));
    rmSync(folder, { recursive: true });
  });
  return { images, pulled, told: told.promise };
}

test("pods do not wait for a list of images whose registry never answers", { timeout: 20_000 }, async (t) => {
  const { images } = startedOn(t, { "a-list.txt": "tar.pit/a:1\n", "z-archive.tar": "no archive" });
  await images.settled;
});

test("an image of a list that cannot be pulled keeps no other of it away", { timeout: 20_000 }, async (t) => {
  const { pulled, told } = startedOn(t, { "list.txt": "missing:1\ngood:1\n" });
  await told;
  assert.deepEqual(pulled, ["missing:1", "good:1"]);
});
