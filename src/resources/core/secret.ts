/** Secret of the core group/v1. */
import { kind, resource } from "#machinery/resource.ts";
import { base64Text, bool, map, str, string, type Infer } from "#machinery/shape.ts";
import { ageColumn, nameColumn, integer, text } from "#machinery/table.ts";

export const secretShape = kind("api.core.v1.Secret", {
  immutable: bool(5),
  data: map(2, base64Text),
  stringData: map(4, str),
  type: string(3),
});
export interface Secret extends Infer<typeof secretShape> {}

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
});
