import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Timer } from "./clock.ts";
import { atOnce, Turns } from "./turns.ts";

/** Time that a test spends, and turns of the event loop that it lets come. */
class SpentClock {
  nowMs = 0;
  readonly due: (() => void)[] = [];

  get clock(): Clock {
    const after = (_: number, callback: () => void): Timer => {
      this.due.push(callback);
      return { cancel: () => undefined, [Symbol.dispose]: () => undefined };
    };
    const never = (): Promise<void> => new Promise(() => undefined);
    return { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs, after, sleep: never };
  }

  async turn(): Promise<void> {
    for (const callback of this.due.splice(0)) callback();
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

test("all long work of one turn together takes 10 ms, the rest waits in line, one a turn", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  const done: string[] = [];
  const work = async (name: string): Promise<void> => {
    for (let piece = 0; piece < 4; piece += 1) {
      const rest = turns.rest();
      if (rest) await rest;
      spent.nowMs += 6;
      done.push(name);
    }
  };
  const all = Promise.all([work("a"), work("b")]);
  assert.deepEqual(done, ["a", "a"]);
  await spent.turn();
  assert.deepEqual(done, ["a", "a", "a", "a"]);
  await spent.turn();
  assert.deepEqual(done, ["a", "a", "a", "a", "b", "b"]);
  await spent.turn();
  await all;
  assert.equal(done.length, 8);
  await spent.turn();
  assert.equal(spent.due.length, 0, "nothing is due when nothing is long");
});

test("in one turn as many of those that wait are woken as there is time for, also through functions that wait for functions", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  const done: number[] = [];
  const turn = async (): Promise<void> => {
    const rest = turns.rest();
    if (rest) await rest;
  };
  const called = async (name: number): Promise<void> => {
    await turn();
    spent.nowMs += 3;
    done.push(name);
  };
  assert.equal(turns.rest(), undefined);
  spent.nowMs += 10;
  const all = Promise.all(Array.from({ length: 10 }, (_, name) => called(name)));
  assert.deepEqual(done, []);
  await spent.turn();
  assert.deepEqual(done, [0, 1, 2, 3], "12 ms: the fourth began when 9 were over");
  await spent.turn();
  assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7]);
  await spent.turn();
  await all;
});

test("what takes a turn by itself begins one, and nobody follows it there", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  const done: string[] = [];
  const alone = turns.next().then(() => void done.push("alone"));
  assert.equal(turns.rest(), undefined);
  spent.nowMs += 10;
  const short = turns.rest()?.then(() => void done.push("short"));
  await spent.turn();
  assert.deepEqual(done, ["alone"]);
  await spent.turn();
  await Promise.all([alone, short]);
  assert.deepEqual(done, ["alone", "short"]);
});

test("a piece that takes far too long leaves the loop to others for as long", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  const done: string[] = [];
  const long = async (name: string): Promise<void> => {
    await turns.next();
    spent.nowMs += 40;
    done.push(name);
  };
  const all = Promise.all([long("a"), long("b")]);
  await spent.turn();
  assert.deepEqual(done, ["a"]);
  await spent.turn();
  assert.deepEqual(done, ["a"], "the pause began");
  assert.equal(turns.rest(), undefined, "who works a little need not wait");
  await spent.turn();
  await all;
  assert.deepEqual(done, ["a", "b"]);
});

test("work that yields rests where it yields once it took its time, or is done at once", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  const work = function* (): Generator<undefined, number> {
    for (let piece = 0; piece < 4; piece += 1) {
      yield;
      spent.nowMs += 6;
    }
    return spent.nowMs;
  };
  const done = turns.through(work());
  assert.equal(spent.nowMs, 12);
  await spent.turn();
  assert.equal(await done, 24);
  assert.equal(atOnce(work()), 48);
});

test("who asks for the next turn has it alone, also when there was no long work yet", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  const done: string[] = [];
  const work = async (name: string): Promise<void> => {
    await turns.next();
    spent.nowMs += 15;
    done.push(name);
  };
  const all = Promise.all([work("a"), work("b")]);
  assert.deepEqual(done, []);
  await spent.turn();
  assert.deepEqual(done, ["a"]);
  await spent.turn();
  assert.deepEqual(done, ["a", "b"]);
  await all;
});

test("work that many ask for in one turn is done once, in the next", async () => {
  const spent = new SpentClock();
  const turns = new Turns(spent.clock);
  let done = 0;
  const ask = turns.gathered(() => void (done += 1));
  for (let at = 0; at < 300; at += 1) ask();
  assert.equal(done, 0);
  await spent.turn();
  assert.equal(done, 1);
  ask();
  await spent.turn();
  await spent.turn();
  assert.equal(done, 2, "what was asked for later is done again");
});
