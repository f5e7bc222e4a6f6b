/** A name that does not lead to what it has to be: a link, another kind of file, a mount where none may be. */
export class UnsafePathError extends Error {
  override readonly name = "UnsafePathError";
}
