/**
 * The forms that names, labels and keys must have. A checker answers with what is wrong, in upstream's sentences;
 * an empty list means the text is well formed.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */

export type NameCheck = (text: string) => readonly string[];

const none: readonly string[] = [];

export function mustMatch(what: string, form: string, examples: readonly string[] = []): string {
  if (examples.length === 0) return `${what} (regex used for validation is '${form}')`;
  const shown = examples.map((example) => `'${example}', `).join(" or ");
  return `${what} (e.g. ${shown}regex used for validation is '${form}')`;
}

export function atMostCharacters(charactersMax: number): string {
  return `must be no more than ${charactersMax} characters`;
}

export function between(least: number, most: number): string {
  return `must be between ${least} and ${most}, inclusive`;
}

interface Form {
  /** Without its anchors, the text that upstream shows. */
  readonly form: RegExp;
  readonly what: string;
  readonly examples: readonly string[];
  readonly bytesMax?: number;
}

/** Byte length without encoding, for the texts that are all ASCII, which nearly all are. */
function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function checker({ form, what, examples, bytesMax }: Form): NameCheck {
  const sentence = mustMatch(what, form.source.slice(1, -1), examples);
  return (text) => {
    const long = bytesMax !== undefined && text.length * 3 > bytesMax && byteLength(text) > bytesMax;
    const matches = form.test(text);
    if (!long && matches) return none;
    return [...(long ? [atMostCharacters(bytesMax)] : []), ...(matches ? [] : [sentence])];
  };
}

const subdomainForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const dnsSubdomain = checker({
  form: subdomainForm,
  what: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  examples: ["example.com"],
  bytesMax: 253,
});

export const dnsSubdomainWithUnderscore = checker({
  form: /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/,
  what: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  examples: ["example.com"],
  bytesMax: 253,
});

export const wildcardDnsSubdomain = checker({
  form: /^\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  what: "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  examples: ["*.example.com"],
  bytesMax: 253,
});

const dnsLabelOnly = checker({
  form: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  what: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  examples: ["my-name", "123-abc"],
  bytesMax: 63,
});

export const dnsLabel: NameCheck = (text) => {
  const problems = dnsLabelOnly(text);
  if (problems.length === 0 || !text.includes(".") || !subdomainForm.test(text)) return problems;
  return [...problems.slice(0, -1), "must not contain dots"];
};

export const dns1035Label = checker({
  form: /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
  what: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  examples: ["my-name", "abc-123"],
  bytesMax: 63,
});

export const labelValue = checker({
  form: /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/,
  what: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ["MyValue", "my_value", "12345"],
  bytesMax: 63,
});

const keyName = checker({
  form: /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/,
  what: "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  examples: ["MyName", "my.name", "123-abc"],
});

/** An optional DNS subdomain and "/", then a name of at most 63 characters: label keys, finalizers, resource names. */
export const qualifiedName: NameCheck = (text) => {
  const parts = text.split("/");
  if (parts.length > 2)
    return [
      `a valid label key ${keyName("")[0] ?? ""} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const [prefix, name] = parts.length === 2 ? [parts[0], parts[1] ?? ""] : [undefined, text];
  const problems: string[] = [];
  if (prefix === "") problems.push("prefix part must be non-empty");
  else if (prefix !== undefined) problems.push(...dnsSubdomain(prefix).map((problem) => `prefix part ${problem}`));
  if (name === "") problems.push("name part must be non-empty");
  else if (name.length > 63) problems.push(`name part ${atMostCharacters(63)}`);
  return [...problems, ...keyName(name).map((problem) => `name part ${problem}`)];
};

export const httpHeaderName = checker({
  form: /^[-A-Za-z0-9]+$/,
  what: "a valid HTTP header must consist of alphanumeric characters or '-'",
  examples: ["X-Header-Name"],
});

export const percent = checker({
  form: /^[0-9]+%$/,
  what: "a valid percent string must be a numeric string followed by an ending '%'",
  examples: ["1%", "93%"],
});

/** Any printable ASCII character but "=". */
export const environmentName: NameCheck = (text) => {
  if (text === "") return ["environment variable name must be non-empty"];
  return /^[ -<>-~]+$/.test(text)
    ? none
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

const configKeyOnly = checker({
  form: /^[-._a-zA-Z0-9]+$/,
  what: "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  examples: ["key.name", "KEY_NAME", "key-name"],
  bytesMax: 253,
});

/** A key of a ConfigMap or Secret. */
export const configKey: NameCheck = (text) => {
  const problems = configKeyOnly(text);
  if (!text.startsWith(".")) return problems;
  if (text === ".") return [...problems, "must not be '.'"];
  if (text === "..") return [...problems, "must not be '..'"];
  return text.startsWith("..") ? [...problems, "must not start with '..'"] : problems;
};

export const portName: NameCheck = (text) => {
  const problems: string[] = [];
  if (text.length > 15) problems.push(atMostCharacters(15));
  if (!/^[-a-z0-9]+$/.test(text))
    problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(text)) problems.push("must contain at least one letter (a-z)");
  if (text.includes("--")) problems.push("must not contain consecutive hyphens");
  if (text.startsWith("-") || text.endsWith("-")) problems.push("must not begin or end with a hyphen");
  return problems;
};

export function portNumber(port: number): readonly string[] {
  return port >= 1 && port <= 65_535 ? none : [between(1, 65_535)];
}

/** A user or group id. */
export function userId(id: number): readonly string[] {
  return id >= 0 && id <= 2_147_483_647 ? none : [between(0, 2_147_483_647)];
}

/** A name that is one segment of a URL path: names of RBAC objects. */
export const pathSegment: NameCheck = (text) => {
  if (text === "." || text === "..") return [`may not be '${text}'`];
  return ["/", "%"].filter((sign) => text.includes(sign)).map((sign) => `may not contain '${sign}'`);
};

export type NameRule = "subdomain" | "label" | "label1035" | "path";

export const nameChecks: Readonly<Record<NameRule, NameCheck>> = {
  subdomain: dnsSubdomain,
  label: dnsLabel,
  label1035: dns1035Label,
  path: pathSegment,
};

/** A prefix that a random ending will be put after may end in "-". */
export function checkPrefix(check: NameCheck, prefix: string): readonly string[] {
  return check(prefix.length > 1 && prefix.endsWith("-") ? `${prefix.slice(0, -2)}a` : prefix);
}
