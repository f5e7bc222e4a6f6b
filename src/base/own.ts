/**
 * Members of records whose keys a stranger chose. A plain lookup of "constructor" or "toString" finds what every object
 * inherits; these look at the record's own members only. tools/tidy holds all of src/ to them.
 */

/** Records of any keys alone: of one whose keys are declared, as in a view, an undeclared one is never there. */
type Open<R> = string extends keyof R ? unknown : never;

/** The record's own member of that name; undefined when it has none, whatever its prototype has. */
export function own<T, R>(record: (Readonly<Record<string, T>> & R & Open<R>) | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * Takes `__proto__` away from all objects of this thread: from then on it is a member like any other, so that writing
 * a user's key never changes what an object is. Called first by src/main.ts and by
 * every thread; tools/node.sh does it for tests and tools.
 */
export function forgetProto(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
}
