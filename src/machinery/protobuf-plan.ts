/** The fields of a message as protobuf sees them: declared, not flattened, told apart by number. */
import { wireType } from "#base/protobuf.ts";
import {
  resolved,
  type Field,
  type ListShape,
  type MapShape,
  type ObjectShape,
  type ScalarShape,
  type Shape,
} from "./shape.ts";

/** One numbered field of a message. */
export interface ProtobufField {
  readonly name: string;
  readonly number: number;
  readonly field: Field;
  /** The wire type of its values. */
  readonly wire: number;
  readonly shape: ScalarShape | ObjectShape | ListShape | MapShape;
}

interface ProtobufPlan {
  /** By rising number, the order in which they are written. */
  readonly fields: readonly ProtobufField[];
  readonly byNumber: ReadonlyMap<number, ProtobufField>;
}

const plans = new WeakMap<ObjectShape, ProtobufPlan>();

function wireOf(shape: Shape): number {
  const known = resolved(shape);
  if (known.kind === "list") return wireOf(known.item);
  if (known.kind !== "scalar" || known.forms) return wireType.bytes;
  if (known.type === "double") return wireType.fixed64;
  return ["bool", "int32", "int64"].includes(known.type) ? wireType.varint : wireType.bytes;
}

export function protobufPlan(shape: ObjectShape): ProtobufPlan {
  const known = plans.get(shape);
  if (known) return known;
  const fields = Object.entries(shape.declared)
    .filter(([, field]) => field.number > 0)
    .map(([name, field]) => {
      const shape = resolved(field.shape);
      return { name, number: field.number, wire: wireOf(shape), field, shape };
    })
    .sort((a, b) => a.number - b.number);
  const plan = { fields, byNumber: new Map(fields.map((field) => [field.number, field])) };
  plans.set(shape, plan);
  return plan;
}
