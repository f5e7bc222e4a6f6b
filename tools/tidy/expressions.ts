/**
 * Finds expressions (`RegExp`) that can take more than linear time, and those that are made of a text that is not in the
 * source. Users' expressions go through machinery/pattern.ts, whose engine is linear whatever they say.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { analyse } from "scslre";
import ts from "typescript-checker";

/** `src/a.ts:12: /x+x+$/: …`, one an expression. */
export function slowExpressions(root: string, paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    const file = ts.createSourceFile(path, readFileSync(join(root, path), "utf8"), ts.ScriptTarget.ESNext, true);
    return expressionsIn(file).flatMap(({ node, source, flags }) => {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      const why = source === undefined ? "made of a text that is not in the source" : slowness(source, flags);
      return why === undefined ? [] : [`${path}:${line + 1}: ${node.getText()}: ${why}`];
    });
  });
}

/** Why matching can take more than linear time; undefined when it cannot. */
export function slowness(source: string, flags: string): string | undefined {
  const [worst] = analyse({ source, flags }).reports.toSorted((a, b) => Number(b.exponential) - Number(a.exponential));
  if (!worst) return undefined;
  return `${worst.exponential ? "exponential" : "polynomial"} time (${worst.type}) for many of ${worst.character.pick}`;
}

interface Expression {
  readonly node: ts.Node;
  /** Undefined when it is not in the source. */
  readonly source: string | undefined;
  readonly flags: string;
}

function expressionsIn(file: ts.SourceFile): readonly Expression[] {
  const found: Expression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      found.push({ node, source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    } else if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "RegExp") {
      const [source, flags] = (node.arguments ?? []).map((argument) =>
        ts.isStringLiteralLike(argument) ? argument.text : undefined,
      );
      found.push({ node, source, flags: flags ?? "" });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
