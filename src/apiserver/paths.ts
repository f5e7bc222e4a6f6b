/** What is answered on paths that are no resource. */
import type { ConnectHook } from "./subresource.ts";

export type PathHook = ConnectHook;

export class Paths {
  private readonly exact = new Map<string, PathHook>();
  // By the path up to its last slash.
  private readonly below = new Map<string, PathHook>();

  /** @param path One that ends in "/*" stands for everything below it. */
  add(path: string, hook: PathHook): void {
    if (path.endsWith("/*")) this.below.set(path.slice(0, -1), hook);
    else this.exact.set(path, hook);
  }

  find(path: string): PathHook | undefined {
    const known = this.exact.get(path) ?? this.exact.get(path.replace(/(.)\/$/, "$1"));
    if (known) return known;
    for (let at = path.lastIndexOf("/"); at >= 0; at = path.lastIndexOf("/", at - 1)) {
      const hook = this.below.get(path.slice(0, at + 1));
      if (hook) return hook;
      if (at === 0) break;
    }
    return undefined;
  }

  /** Every path there is, sorted. */
  list(): string[] {
    return [...this.exact.keys()].filter((path) => path !== "/").sort();
  }
}
