/**
 * YAML as Kubernetes reads and writes it: JSON's values only, and the booleans of YAML 1.1 as upstream's reader has
 * them.
 *
 * @see https://yaml.org/spec/1.2.2/
 */
import { dump, load } from "js-yaml";

/** @throws Error with the place and the reason when the text is no YAML. */
export function parseYaml(text: string): unknown {
  return load(text);
}

export function formatYaml(value: unknown): string {
  return dump(value, { noRefs: true, lineWidth: -1 });
}
