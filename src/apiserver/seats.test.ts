import assert from "node:assert/strict";
import { test } from "node:test";
import { isReason } from "#machinery/status.ts";
import { ownerOf, seatLimits, Seats, type Owner, type Seat } from "./seats.ts";

const { seatsMax, seatsOfOneMax, waitingOfOneMax } = seatLimits.write;
const never = (): AbortSignal => new AbortController().signal;
const owner = (name: string): Owner => ({ level: "others", name });

function takeMany(seats: Seats, who: Owner, count: number): Promise<Seat>[] {
  return Array.from({ length: count }, () => seats.take("write", who, never));
}

test("one owner gets its share and no more; others, nodes and health find seats", async () => {
  const seats = new Seats();
  const greedy = takeMany(seats, owner("eve"), seatsOfOneMax + waitingOfOneMax);
  await Promise.all(greedy.slice(0, seatsOfOneMax));
  assert.equal(seats.inUse("write"), seatsOfOneMax);
  await assert.rejects(seats.take("write", owner("eve"), never), (error) => isReason(error, "TooManyRequests"));
  using _ = await seats.take("write", owner("bob"), never);
  for (let at = 0; seats.inUse("write") < seatsMax; at += 1) await seats.take("write", owner(`many${at}`), never);
  for (const level of ["health", "nodes", "administrators"] as const)
    await seats.take("write", { level, name: "eve" }, never);
});

test("a free seat goes to the owners that wait in turn, not to who waits most", async () => {
  const seats = new Seats();
  const taken: Seat[] = [];
  for (let at = 0; at < seatsMax; at += 1) taken.push(await seats.take("write", owner(`full${at % 8}`), never));
  const order: string[] = [];
  const wait = (name: string): void => void seats.take("write", owner(name), never).then(() => order.push(name));
  for (const name of ["eve", "eve", "eve", "eve", "bob", "ann"]) wait(name);
  for (const seat of taken.slice(0, 4)) seat[Symbol.dispose]();
  await new Promise((resolve) => void setImmediate(resolve));
  assert.deepEqual(order, ["eve", "bob", "ann", "eve"]);
});

test("who leaves while waiting leaves the line, and a seat is given back once", async () => {
  const seats = new Seats();
  const taken = await Promise.all(takeMany(seats, owner("eve"), seatsOfOneMax));
  const leaving = new AbortController();
  const waiting = seats.take("write", owner("eve"), () => leaving.signal);
  leaving.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  for (const seat of [...taken, ...taken]) seat[Symbol.dispose]();
  assert.equal(seats.inUse("write"), 0);
  assert.equal((await Promise.all(takeMany(seats, owner("eve"), seatsOfOneMax))).length, seatsOfOneMax);
});

test("service accounts of one namespace share, and administrators and nodes have levels of their own", () => {
  assert.deepEqual(ownerOf({ name: "system:serviceaccount:a:one", groups: [] }), owner("system:serviceaccount:a"));
  assert.deepEqual(ownerOf({ name: "system:serviceaccount:a:two", groups: [] }), owner("system:serviceaccount:a"));
  assert.equal(ownerOf({ name: "x", groups: ["system:masters"] }).level, "administrators");
  assert.equal(ownerOf({ name: "system:node:n", groups: ["system:nodes"] }).level, "nodes");
});
