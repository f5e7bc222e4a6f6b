/**
 * What names, label keys and label values may look like. A rule returns what is wrong, in upstream's sentences; nothing
 * when all is well.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */

export type NameRule = (value: string) => readonly string[];

interface Pattern {
  readonly source: string;
  readonly sentence: string;
  readonly examples: readonly string[];
  readonly bytesMax: number;
}

const labelSource = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const keySource = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

export const subdomainProblems: NameRule = rule({
  source: `${labelSource}(\\.${labelSource})*`,
  sentence:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ["example.com"],
  bytesMax: 253,
});

const label: NameRule = rule({
  source: labelSource,
  sentence:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ["my-name", "123-abc"],
  bytesMax: 63,
});

export const label1035Problems: NameRule = rule({
  source: "[a-z]([-a-z0-9]*[a-z0-9])?",
  sentence:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ["my-name", "abc-123"],
  bytesMax: 63,
});

export const labelValueProblems: NameRule = rule({
  source: `(${keySource})?`,
  sentence:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ["MyValue", "my_value", "12345"],
  bytesMax: 63,
});

const keyName: NameRule = rule({
  source: keySource,
  sentence:
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ["MyName", "my.name", "123-abc"],
  bytesMax: 63,
});

/** A DNS label of RFC 1123. */
export function labelProblems(value: string): readonly string[] {
  const problems = label(value);
  const onlyDots = problems.length > 0 && value.includes(".") && subdomainProblems(value).length === 0;
  // The last problem is the pattern; the length, if it is one too, comes before it.
  return onlyDots ? [...problems.slice(0, -1), "must not contain dots"] : problems;
}

/** A label or annotation key: a name with an optional prefix, `example.com/name`. Also "qualified names". */
export function labelKeyProblems(value: string): readonly string[] {
  const [first = "", second, ...rest] = value.split("/");
  if (rest.length > 0) {
    const [wrong] = keyName("/");
    return [`a valid label key ${wrong} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  if (second !== undefined) {
    const wrong = first === "" ? ["must be non-empty"] : subdomainProblems(first);
    problems.push(...wrong.map((problem) => `prefix part ${problem}`));
  }
  const name = second ?? first;
  if (name === "") problems.push("name part must be non-empty");
  problems.push(...keyName(name).map((problem) => `name part ${problem}`));
  return problems;
}

/** A name that is one segment of a path: for kinds whose names are not DNS names, e.g. RBAC. */
export function pathSegmentProblems(value: string): readonly string[] {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  return ["/", "%"].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** A rule of a pattern. Its expression is compiled on first use. */
function rule({ source, sentence, examples, bytesMax }: Pattern): NameRule {
  let expression: RegExp | undefined;
  return (value) => {
    expression ??= new RegExp(`^${source}$`);
    const long = Buffer.byteLength(value) > bytesMax;
    if (!long && expression.test(value)) return [];
    const problems = long ? [`must be no more than ${bytesMax} bytes`] : [];
    if (expression.test(value)) return problems;
    const shown = examples.map((example) => `'${example}', `).join("or ");
    return [...problems, `${sentence} (e.g. ${shown}regex used for validation is '${source}')`];
  };
}
