/**
 * Values by rising key, for reads of ranges while others write. A snapshot costs nothing to take and never changes:
 * after it the map copies the nodes on the way to what it changes, once each, and shares the rest with the snapshot.
 *
 * A B+ tree: leaves hold keys and values, branches the first key of each child and how many values are below.
 */

/** Values by rising key that do not change any more. */
export interface SortedView<Value> {
  readonly size: number;
  get(key: string): Value | undefined;
  /** How many keys are at or above `from` and below `to`. */
  count(from: string, to: string): number;
  /** The values from `from` on, inclusive, up to `to`, exclusive, by rising key. */
  range(from: string, to: string): Generator<Value, void, undefined>;
  /** All values by rising key. The array is the caller's. */
  values(): Value[];
}

/** Nodes of one owner may be changed by it; others are shared with a snapshot. */
type Owner = object;

interface Leaf<Value> {
  readonly owner: Owner;
  readonly keys: string[];
  readonly values: Value[];
  readonly children: undefined;
}

interface Branch<Value> {
  readonly owner: Owner;
  /** Of each child but the first a key that is above all keys before the child and not above its own first one; rising. */
  readonly keys: string[];
  readonly children: Node<Value>[];
  size: number;
}

type Node<Value> = Leaf<Value> | Branch<Value>;

// A node is split above this many keys, and joined with its neighbour when both have few.
const keysMax = 64;
const keysOfJoined = 40;

class Tree<Value> implements SortedView<Value> {
  protected root: Node<Value>;

  constructor(root: Node<Value>) {
    this.root = root;
  }

  get size(): number {
    return sizeOf(this.root);
  }

  get(key: string): Value | undefined {
    let node = this.root;
    while (node.children) {
      const child = node.children[childAt(node.keys, key)];
      if (!child) return undefined;
      node = child;
    }
    const at = firstNotBelow(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  count(from: string, to: string): number {
    return Math.max(rank(this.root, to) - rank(this.root, from), 0);
  }

  range(from: string, to: string): Generator<Value, void, undefined> {
    return walk(this.root, from, to);
  }

  values(): Value[] {
    const all: Value[] = [];
    collect(this.root, all);
    return all;
  }
}

export class SortedMap<Value> extends Tree<Value> {
  private owner: Owner = {};

  constructor() {
    super({ owner: {}, keys: [], values: [], children: undefined });
  }

  /** @returns What the key had before. */
  set(key: string, value: Value): Value | undefined {
    const root = owned(this.root, this.owner);
    const before = insert(root, { key, value, owner: this.owner });
    const right = split(root, this.owner, true);
    // Of the first child's key nothing is asked: what is below all keys is looked for there.
    this.root = right ? branch(this.owner, ["", right.from], [root, right.node]) : root;
    return before;
  }

  /** @returns What the key had. */
  delete(key: string): Value | undefined {
    const before = this.get(key);
    if (before === undefined) return undefined;
    const root = owned(this.root, this.owner);
    remove(root, key, this.owner);
    const only = root.children?.length === 1 ? root.children[0] : undefined;
    this.root = only ?? root;
    return before;
  }

  clear(): void {
    this.root = { owner: this.owner, keys: [], values: [], children: undefined };
  }

  /** What is there now. */
  snapshot(): SortedView<Value> {
    this.owner = {};
    return new Tree(this.root);
  }
}

function sizeOf(node: Node<unknown>): number {
  return node.children ? node.size : node.keys.length;
}

/** Where the first key stands that is not below `key`, at `from` or behind it. */
function firstNotBelow(keys: readonly string[], key: string, from = 0): number {
  let low = from;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    // Holds because middle is below the length.
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The child that has the key, if any has. The first child's own key is not looked at: once others went before it, it may
 * be above the second's, for what is below all keys comes to the first child.
 */
function childAt(keys: readonly string[], key: string): number {
  const at = firstNotBelow(keys, key, 1);
  return keys[at] === key ? at : Math.max(at - 1, 0);
}

/** How many keys are below `key`. */
function rank(root: Node<unknown>, key: string): number {
  let below = 0;
  let node = root;
  while (node.children) {
    const at = childAt(node.keys, key);
    for (const child of node.children.slice(0, at)) below += sizeOf(child);
    const child = node.children[at];
    if (!child) return below;
    node = child;
  }
  return below + firstNotBelow(node.keys, key);
}

function* walk<Value>(node: Node<Value>, from: string, to: string): Generator<Value, void, undefined> {
  if (!node.children) {
    for (let at = firstNotBelow(node.keys, from); at < node.keys.length; at += 1) {
      // Both hold because `at` is below the length of the two rows.
      if ((node.keys[at] as string) >= to) return;
      yield node.values[at] as Value;
    }
    return;
  }
  for (let at = childAt(node.keys, from); at < node.children.length; at += 1) {
    // Both hold because `at` is below the length of the two rows.
    if ((node.keys[at] as string) >= to && at > 0) return;
    yield* walk(node.children[at] as Node<Value>, from, to);
  }
}

function collect<Value>(node: Node<Value>, into: Value[]): void {
  if (node.children) for (const child of node.children) collect(child, into);
  else for (const value of node.values) into.push(value);
}

/** The node, or a copy that this owner may change. */
function owned<Value>(node: Node<Value>, owner: Owner): Node<Value> {
  if (node.owner === owner) return node;
  const keys = node.keys.slice();
  if (node.children) return { owner, keys, children: node.children.slice(), size: node.size };
  return { owner, keys, values: node.values.slice(), children: undefined };
}

function branch<Value>(owner: Owner, keys: string[], children: Node<Value>[]): Branch<Value> {
  let size = 0;
  for (const child of children) size += sizeOf(child);
  return { owner, keys, children, size };
}

interface Insertion<Value> {
  readonly key: string;
  readonly value: Value;
  readonly owner: Owner;
}

/** Into a node that is owned and has room for one key. */
function insert<Value>(node: Node<Value>, insertion: Insertion<Value>): Value | undefined {
  const { key, value, owner } = insertion;
  if (!node.children) {
    const at = firstNotBelow(node.keys, key);
    if (node.keys[at] === key) {
      const before = node.values[at];
      node.values[at] = value;
      return before;
    }
    node.keys.splice(at, 0, key);
    node.values.splice(at, 0, value);
    return undefined;
  }
  const at = childAt(node.keys, key);
  const isLast = at === node.children.length - 1;
  // Holds because a branch has children, and `at` is one of them.
  const child = owned(node.children[at] as Node<Value>, owner);
  node.children[at] = child;
  const sizeBefore = sizeOf(child);
  const before = insert(child, insertion);
  node.size += sizeOf(child) - sizeBefore;
  const right = split(child, owner, isLast);
  if (right) {
    node.children.splice(at + 1, 0, right.node);
    node.keys.splice(at + 1, 0, right.from);
  }
  return before;
}

interface Right<Value> {
  /** Above all keys that stay in the left part, and not above the first one of this. */
  readonly from: string;
  readonly node: Node<Value>;
}

/** @param isLast Keys often come in rising order: then the left part stays nearly full. */
function split<Value>(left: Node<Value>, owner: Owner, isLast: boolean): Right<Value> | undefined {
  if (left.keys.length <= keysMax) return undefined;
  const at = isLast ? keysMax - 4 : keysMax / 2;
  const keys = left.keys.splice(at);
  const from = keys[0] ?? "";
  if (!left.children) return { from, node: { owner, keys, values: left.values.splice(at), children: undefined } };
  const node = branch(owner, keys, left.children.splice(at));
  left.size -= node.size;
  return { from, node };
}

/** A key that is there, of a node that is owned. */
function remove<Value>(node: Node<Value>, key: string, owner: Owner): void {
  if (!node.children) {
    const at = firstNotBelow(node.keys, key);
    node.keys.splice(at, 1);
    node.values.splice(at, 1);
    return;
  }
  const at = childAt(node.keys, key);
  // Holds because a branch has children, and `at` is one of them.
  const child = owned(node.children[at] as Node<Value>, owner);
  node.children[at] = child;
  remove(child, key, owner);
  node.size -= 1;
  if (child.keys.length === 0) drop(node, at);
  else join(node, at > 0 ? at - 1 : at, owner);
}

function drop(node: Branch<unknown>, at: number): void {
  node.children.splice(at, 1);
  node.keys.splice(at, 1);
}

/** Makes one of two neighbours when both have few keys. */
function join<Value>(node: Branch<Value>, at: number, owner: Owner): void {
  const right = node.children[at + 1];
  const found = node.children[at];
  if (!found || !right || found.keys.length + right.keys.length > keysOfJoined) return;
  const left = owned(found, owner);
  node.children[at] = left;
  const from = node.keys[at + 1] ?? "";
  for (const [index, key] of right.keys.entries()) left.keys.push(right.children && index === 0 ? from : key);
  if (!left.children && !right.children) for (const value of right.values) left.values.push(value);
  if (left.children && right.children) {
    for (const child of right.children) left.children.push(child);
    left.size += right.size;
  }
  drop(node, at + 1);
}
