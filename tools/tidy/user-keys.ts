/**
 * Finds lookups by a text that is not known when the source is written: `record[key]`, `key in record`. Such a key may
 * be "constructor" or "toString", which every object inherits. `own(record, key)` of base/own.ts looks at the record
 * alone; so do `Object.hasOwn`, a Map, and a loop over the record's own keys.
 */
import { dirname, join, relative } from "node:path";
import ts from "typescript-checker";

/** `src/a.ts:12: record[key]`, one a lookup. */
export function lookupsByText(root: string, paths: readonly string[]): readonly string[] {
  const program = programOf(root, paths);
  const checker = program.getTypeChecker();
  return paths.flatMap((path) => {
    const file = program.getSourceFile(join(root, path));
    if (!file) return [`${path}: expected a source file, found none`];
    return new Lookups(file, checker).found.map(({ node, why }) => {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      return `${relative(root, file.fileName)}:${line + 1}: ${node.getText()}: ${why}`;
    });
  });
}

export function programOf(root: string, paths: readonly string[]): ts.Program {
  const config = join(root, "tsconfig.json");
  const read: unknown = ts.readConfigFile(config, (path) => ts.sys.readFile(path)).config;
  const { options } = ts.parseJsonConfigFileContent(read, ts.sys, dirname(config), { noEmit: true });
  return ts.createProgram(
    paths.map((path) => join(root, path)),
    options,
  );
}

export interface Lookup {
  readonly node: ts.Node;
  readonly why: string;
}

export class Lookups {
  readonly found: Lookup[] = [];
  private readonly checker: ts.TypeChecker;

  constructor(file: ts.SourceFile, checker: ts.TypeChecker) {
    this.checker = checker;
    this.visit(file);
  }

  private visit(node: ts.Node): void {
    if (ts.isElementAccessExpression(node)) {
      if (!isOverwritten(node) && !isOwnKeyLoop(node) && this.isTextIn(node.argumentExpression, node.expression))
        this.found.push({ node, why: "use own(record, key)" });
    } else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword) {
      if (this.isTextIn(node.left, node.right)) this.found.push({ node, why: "use Object.hasOwn(record, key)" });
    } else if (ts.isBindingElement(node) && node.propertyName && ts.isComputedPropertyName(node.propertyName)) {
      if (this.isText(this.checker.getTypeAtLocation(node.propertyName.expression)))
        this.found.push({ node, why: "use own(record, key)" });
    }
    ts.forEachChild(node, (child) => this.visit(child));
  }

  /** True for a text as the name of a member of a record. */
  private isTextIn(key: ts.Expression, holder: ts.Expression): boolean {
    if (!this.isText(this.checker.getTypeAtLocation(key))) return false;
    const type = this.checker.getNonNullableType(this.checker.getTypeAtLocation(holder));
    const parts = type.isUnion() ? type.types : [type];
    return parts.some((part) => !this.hasNumberKeysOnly(part));
  }

  /** True when the type has more texts than can be listed. */
  private isText(type: ts.Type): boolean {
    const known = type.flags & ts.TypeFlags.TypeParameter ? (this.checker.getBaseConstraintOfType(type) ?? type) : type;
    if (known.isUnion()) return known.types.some((part) => this.isText(part));
    return (known.flags & endlessTexts) !== 0;
  }

  private hasNumberKeysOnly(type: ts.Type): boolean {
    if (type.flags & ts.TypeFlags.Any) return false;
    if (type.flags & ts.TypeFlags.StringLike || this.checker.isArrayLikeType(type)) return true;
    return (
      this.checker.getIndexInfosOfType(type).every(({ keyType }) => keyType.flags & ts.TypeFlags.Number) &&
      this.checker.getIndexInfosOfType(type).length > 0
    );
  }
}

const endlessTexts = ts.TypeFlags.String | ts.TypeFlags.TemplateLiteral | ts.TypeFlags.StringMapping | ts.TypeFlags.Any;

/** The target of `=` or `delete`: nothing is read. */
function isOverwritten(node: ts.ElementAccessExpression): boolean {
  const { parent } = node;
  if (ts.isDeleteExpression(parent)) return true;
  return (
    ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken && parent.left === node
  );
}

/** `record[key]` in `for (const key in record)` or `for (const key of Object.keys(record))`. */
function isOwnKeyLoop(node: ts.ElementAccessExpression): boolean {
  const holder = node.expression.getText();
  const key = node.argumentExpression.getText();
  for (let at: ts.Node = node; !ts.isFunctionLike(at) && !ts.isSourceFile(at); at = at.parent) {
    if (!ts.isForInStatement(at) && !ts.isForOfStatement(at)) continue;
    if (!ts.isVariableDeclarationList(at.initializer)) continue;
    const isKey = at.initializer.declarations.some(({ name }) => name.getText() === key);
    const keys = ts.isForInStatement(at) ? holder : `Object.keys(${holder})`;
    if (isKey && at.expression.getText() === keys) return true;
  }
  return false;
}
