import assert from "node:assert/strict";
import { test } from "node:test";
import { Paced } from "./paced.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("so much is done in a turn of the event loop, in order, also of what is asked for meanwhile", async () => {
  const paced = new Paced(2);
  const done: string[] = [];
  const asked = (name: string): void => paced.add(() => done.push(name));
  for (const name of ["a", "b", "c"]) asked(name);
  paced.add(() => {
    done.push("d");
    asked("e");
  });
  assert.deepEqual(done, []);
  await turn();
  assert.deepEqual(done, ["a", "b"]);
  await turn();
  assert.deepEqual(done, ["a", "b", "c", "d"]);
  await turn();
  assert.deepEqual(done, ["a", "b", "c", "d", "e"]);
  asked("f");
  await turn();
  assert.equal(done.at(-1), "f");
});
