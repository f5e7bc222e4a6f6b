/** Secret of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { base64Text, bool, map, str, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";
import { type Draft } from "#machinery/meta.ts";
import { base64, utf8 } from "#base/bytes.ts";
import { checkSecret } from "./key-value-rules.ts";

export const secretShape = kind("api.core.v1.Secret", {
  immutable: bool(5),
  data: map(2, base64Text),
  stringData: map(4, str),
  type: string(3).default("Opaque"),
});
export interface Secret extends Infer<typeof secretShape> {}

/** Text that is given for convenience becomes data like any other, and goes before what is there. */
function joinStringData(secret: Draft<Secret>): void {
  if (!secret.stringData) return;
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(secret.stringData)) data[key] = base64(utf8(value));
  secret.data = data;
  delete secret.stringData;
}

export const secrets = resource<Secret>({
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  namespaced: true,
  shape: secretShape,
  columns: [
    nameColumn,
    text("Type", (one) => one.type ?? ""),
    integer("Data", (one) => Object.keys(one.data ?? {}).length),
    ageColumn,
  ],
  defaults: joinStringData,
  selectableFields: {
    type: ({ type }) => type ?? "",
  },
  check: checkSecret,
});
