/** The pack, on a small checkout of its own: what starts is always the sources as they are now. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { root } from "./facts.js";

const main = `import { Worker } from "node:worker_threads";
import { word } from "./word.ts";

interface Told { readonly said: string }

const [what] = process.argv.slice(2);
if (what === "wait") process.stdin.resume();
if (what === "fail") throw new Error("as it was told");
if (what === "thread") {
  const thread = new Worker(new URL("thread.ts", import.meta.url));
  thread.on("message", (told: Told) => console.log(told.said));
}
console.log(word, import.meta.dirname);
`;
const thread = `import { parentPort } from "node:worker_threads";

type Words = string;

const said: Words = String(new Error("in a thread").stack);
parentPort?.postMessage({ said });
`;

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

class Checkout {
  readonly folder = mkdtempSync(join(tmpdir(), "kedge-pack-"));

  constructor(context: TestContext) {
    context.after(() => rmSync(this.folder, { recursive: true }));
    for (const name of ["tools/pack", "tools/tidy/sources.ts", "package.json", "package-lock.json"])
      cpSync(join(root, name), join(this.folder, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    this.write("src/main.ts", main);
    this.write("src/thread.ts", thread);
    this.write("src/word.ts", 'export const word: string = "first";\n');
  }

  write(name: string, content: string): void {
    mkdirSync(join(this.folder, name, ".."), { recursive: true });
    writeFileSync(join(this.folder, name), content);
  }

  begin(...args: readonly string[]): ChildProcess {
    return spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "tools/pack/start.js", ...args], {
      cwd: this.folder,
      stdio: "pipe",
    });
  }

  async run(...args: readonly string[]): Promise<Ran> {
    const child = this.begin(...args);
    assert(child.stdout && child.stderr);
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    return { stdout, stderr, code: Number(code) };
  }

  /** The folder of the newest pack. */
  pack(): string {
    return join(this.folder, ".kedge", readlinkSync(join(this.folder, ".kedge/pack")));
  }
}

test("the first start packs the sources and says so, the next one runs that pack", async (context) => {
  const checkout = new Checkout(context);
  const first = await checkout.run();
  assert.match(first.stderr, /^kedge: packed its sources in [\d.]+ s, since there was none\n$/);
  assert.equal(first.stdout, `first ${checkout.pack()}\n`);
  const pack = checkout.pack();
  assert.deepEqual(await checkout.run(), { stdout: `first ${pack}\n`, stderr: "", code: 0 });
});

test("an edited source is never run as it was, also when its size and times are", async (context) => {
  const checkout = new Checkout(context);
  await checkout.run();
  const path = join(checkout.folder, "src/word.ts");
  const { atimeMs, mtimeMs } = statSync(path);
  checkout.write("src/word.ts", 'export const word: string = "other";\n');
  utimesSync(path, atimeMs / 1_000, mtimeMs / 1_000);
  const second = await checkout.run();
  assert.match(second.stderr, /since "src\/word\.ts" has changed\n$/);
  assert.equal(second.stdout, `other ${checkout.pack()}\n`);
});

test("a source that is gone is not run from the pack", async (context) => {
  const checkout = new Checkout(context);
  await checkout.run();
  rmSync(join(checkout.folder, "src/word.ts"));
  const second = await checkout.run();
  assert.match(second.stderr, /Could not resolve "\.\/word\.ts"/);
  assert.equal(second.stdout, "");
  assert.notEqual(second.code, 0);
});

for (const [what, damage] of [
  ["a file that is cut off", (pack: string) => truncateSync(join(pack, "main.js"), 0)],
  ["a missing file", (pack: string) => rmSync(join(pack, "thread.js"))],
  ["a note that is cut off", (pack: string) => truncateSync(join(pack, "made-of.json"), 10)],
  ["a folder that is gone", (pack: string) => rmSync(pack, { recursive: true })],
] as const)
  test(`a pack with ${what} is made anew, which is said`, async (context) => {
    const checkout = new Checkout(context);
    await checkout.run();
    damage(checkout.pack());
    const second = await checkout.run();
    assert.match(second.stderr, /^kedge: packed its sources in [\d.]+ s, since .*\n$/);
    assert.equal(second.stdout, `first ${checkout.pack()}\n`);
  });

test("a damaged cache of compiled code is not used", async (context) => {
  const checkout = new Checkout(context);
  await checkout.run();
  const cache = join(checkout.pack(), "cache");
  const files = readdirSync(cache, { recursive: true, encoding: "utf8" })
    .map((name) => join(cache, name))
    .filter((path) => statSync(path).isFile());
  assert.notEqual(files.length, 0);
  for (const path of files) {
    const content = readFileSync(path);
    writeFileSync(path, content.fill(0xaa, Math.floor(content.length / 2)));
  }
  assert.deepEqual(await checkout.run(), { stdout: `first ${checkout.pack()}\n`, stderr: "", code: 0 });
});

test("starts at the same time each run a whole pack", async (context) => {
  const checkout = new Checkout(context);
  const ran = await Promise.all([checkout.run(), checkout.run(), checkout.run()]);
  for (const { stdout, code } of ran) {
    assert.match(stdout, /^first .*\/\.kedge\/pack-\w+\n$/);
    assert.equal(code, 0);
  }
});

test("the sources run one by one, and why is said, where no pack can be made", async (context) => {
  const checkout = new Checkout(context);
  checkout.write(".kedge", "a file in the place of the folder");
  const { stdout, stderr, code } = await checkout.run();
  assert.equal(stdout, `first ${join(checkout.folder, "src")}\n`);
  assert.match(stderr, /^kedge: expected to pack its sources, found: .*\nkedge: runs them one by one, .*\n$/);
  assert.equal(code, 0);
});

test("the stack of an error names the source and its line", async (context) => {
  const checkout = new Checkout(context);
  await checkout.run();
  const { stderr } = await checkout.run("fail");
  assert.match(stderr, new RegExp(`at ${checkout.folder}/src/main\\.ts:8:28`));
});

test("a thread runs from the pack, and its stacks name the source", async (context) => {
  const checkout = new Checkout(context);
  await checkout.run();
  rmSync(join(checkout.pack(), "cache"), { recursive: true });
  const { stdout } = await checkout.run("thread");
  assert.match(stdout, new RegExp(`^first ${checkout.pack()}\n`));
  assert.match(stdout, new RegExp(`at ${checkout.folder}/src/thread\\.ts:5:28`));
});

test("a pack stays while a process runs it, and goes with the next one that is made", async (context) => {
  const checkout = new Checkout(context);
  await checkout.run();
  const [first, longAgo] = [checkout.pack(), new Date(0)];
  const running = checkout.begin("wait");
  assert(running.stdout && running.stdin);
  await once(running.stdout, "data");
  const remake = async (word: string): Promise<void> => {
    utimesSync(first, longAgo, longAgo);
    checkout.write("src/word.ts", `export const word: string = "${word}";\n`);
    assert.match((await checkout.run()).stdout, new RegExp(`^${word} `));
  };
  await remake("second");
  assert(existsSync(join(first, "main.js")));
  running.stdin.end();
  await once(running, "close");
  await remake("third");
  assert(!existsSync(first));
});
