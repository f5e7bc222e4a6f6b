/** Tells by how often something is read whether work grows with the square of a list, without a look at the clock. */

/** The same object, which counts how often it or anything in it is read. */
export function counted<T extends object>(object: T, count: { reads: number }): T {
  const known = new WeakMap<object, object>();
  const wrap = <O extends object>(inner: O): O => {
    const held = known.get(inner);
    // Holds because each object is kept with its own proxy.
    if (held) return held as O;
    const made = new Proxy(inner, {
      get(target, name): unknown {
        count.reads += 1;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "object" && value !== null ? wrap(value) : value;
      },
    });
    known.set(inner, made);
    return made;
  };
  return wrap(object);
}
