/**
 * Hostile creates, updates and patches of every kind, against an API server of its own without sockets. Whatever is sent is
 * taken or refused with a cause, and what was taken can be read in every form.
 */
import { encodeObject } from "#machinery/protobuf.ts";
import { decode } from "#machinery/decode.ts";
import type { ResourceDefinition } from "#machinery/resource.ts";
import type { JsonObject, JsonValue } from "#machinery/shape.ts";
import { catalogue } from "#resources/catalogue.ts";
import type { TestAnswer, TestApiServer } from "#testing/api-server.ts";
import { startClusterApi } from "#testing/cluster-api.ts";
import { formatYaml } from "#wire/yaml.ts";
import { Chance } from "./chance.ts";
import type { Outcome } from "./fuzzing.ts";
import { mutateByShape, mutateText, mutateValue } from "./mutations.ts";
import { validObjects } from "./valid-objects.ts";

const namespace = "attack";
/** Kinds that are created below another object, which clients of theirs try. */
const belowOthers: ReadonlySet<string> = new Set(["TokenRequest", "Eviction", "Scale"]);

export interface KindTarget {
  readonly name: string;
  /** @param seed Names the input. */
  readonly attempt: (seed: string) => Promise<Outcome>;
}

/** One target for each kind that can be created. */
export async function kindTargets(signal: AbortSignal): Promise<readonly KindTarget[]> {
  const { server } = await startClusterApi(signal);
  await server.ask("POST /api/v1/namespaces", { body: { metadata: { name: namespace } } });
  await server.ask(`POST /api/v1/namespaces/${namespace}/serviceaccounts`, { body: { metadata: { name: "default" } } });
  return catalogue
    .filter(({ verbs, kind }) => verbs.includes("create") && !belowOthers.has(kind))
    .map((definition) => {
      const fuzzed = new FuzzedKind(server, definition);
      return { name: `${definition.apiVersion} ${definition.kind}`, attempt: (seed) => fuzzed.attempt(seed) };
    });
}

const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
] as const;

class FuzzedKind {
  private readonly server: TestApiServer;
  private readonly definition: ResourceDefinition;
  private readonly collection: string;
  private count = 0;

  constructor(server: TestApiServer, definition: ResourceDefinition) {
    this.server = server;
    this.definition = definition;
    const { group, apiVersion, plural, namespaced } = definition;
    this.collection = `${group === "" ? "/api" : "/apis"}/${apiVersion}${namespaced ? `/namespaces/${namespace}` : ""}/${plural}`;
  }

  async attempt(seed: string): Promise<Outcome> {
    const chance = new Chance(seed);
    this.count += 1;
    const good = this.good(`x${this.count}`);
    const first = chance.oneIn(3) ? good : this.mutated(chance, good);
    const created = await this.send(chance, `POST ${this.collection}`, first);
    let wrong = fault(created);
    if (wrong !== undefined) return { wrong };
    if (created.code >= 300) return "refused";
    const name = created.at("metadata.name");
    if (typeof name !== "string" || !this.definition.verbs.includes("get")) return "taken";
    const path = `${this.collection}/${encodeURIComponent(name)}`;
    wrong =
      (await this.reads(path)) ??
      (await this.changes(chance, path)) ??
      (await this.reads(path)) ??
      (chance.oneIn(4) ? await this.reads(this.collection) : undefined) ??
      fault(await this.server.ask(`DELETE ${path}?gracePeriodSeconds=0`));
    return wrong === undefined ? "taken" : { wrong };
  }

  private good(name: string): JsonObject {
    const { apiVersion, kind } = this.definition;
    const about =
      kind === "CustomResourceDefinition" ? "tabs.example.com" : kind === "APIService" ? "v1.a.example.com" : name;
    return { apiVersion, kind, metadata: { name: kind === "IPAddress" ? "10.9.1.7" : about }, ...validObjects[kind] };
  }

  private mutated(chance: Chance, object: JsonObject): JsonValue {
    let value: JsonValue = object;
    for (let left = 1 + chance.below(3); left > 0; left -= 1)
      value = chance.oneIn(3) ? mutateValue(chance, value) : mutateByShape(chance, value, this.definition.shape);
    return value;
  }

  /** Tries to change what is stored, in each way there is. @returns What went wrong */
  private async changes(chance: Chance, path: string): Promise<string | undefined> {
    const stored = JSON.parse((await this.server.ask(`GET ${path}`)).text) as JsonObject;
    for (let left = 2; left > 0; left -= 1) {
      const at = this.definition.status && chance.oneIn(3) ? `${path}/status` : path;
      const answer = chance.oneIn(2)
        ? await this.send(chance, `PUT ${at}`, this.mutated(chance, stored))
        : await this.patch(chance, at, stored);
      const wrong = fault(answer);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  private async patch(chance: Chance, path: string, stored: JsonObject): Promise<TestAnswer> {
    const type = chance.pick(patchTypes);
    const value = this.mutated(chance, this.good("x"));
    const pointers = [
      "/metadata/labels",
      "/spec",
      "/metadata/labels/__proto__",
      "/constructor/prototype",
      "/a~1b~2",
      "",
      "/-",
    ];
    const operation = (): JsonObject => ({
      op: chance.pick(["add", "remove", "replace", "move", "copy", "test", "toString"]),
      path: chance.pick(pointers),
      from: chance.pick(pointers),
      value,
    });
    const patch =
      type === patchTypes[0] ? [operation(), operation()] : chance.oneIn(2) ? value : this.mutated(chance, stored);
    const query = type === patchTypes[3] ? `?fieldManager=eve&force=${chance.oneIn(2)}` : "";
    const text = JSON.stringify(patch);
    const body = chance.oneIn(4) ? mutateText(chance, [text]) : text;
    return this.server.ask(`PATCH ${path}${query}`, { body, headers: { "content-type": type } });
  }

  private send(chance: Chance, line: string, value: JsonValue): Promise<TestAnswer> {
    const { body, type } = this.encoded(chance, value);
    const query = chance.oneIn(3) ? "?fieldValidation=Strict" : chance.oneIn(2) ? "?fieldValidation=Warn" : "";
    return this.server.ask(`${line}${query}`, { body, headers: { "content-type": type } });
  }

  private encoded(chance: Chance, value: JsonValue): { readonly body: string | Uint8Array; readonly type: string } {
    const json = JSON.stringify(value);
    switch (chance.below(6)) {
      case 0:
        return { body: mutateText(chance, [json]), type: "application/json" };
      case 1:
        return { body: formatYaml(value), type: "application/yaml" };
      case 2:
        return { body: mutateText(chance, [formatYaml(value)]), type: "application/yaml" };
      case 3: {
        const bytes = this.protobuf(value);
        if (bytes === undefined) break;
        const sent = chance.oneIn(2) ? bytes : Buffer.from(mutateText(chance, [bytes.toString("latin1")]), "latin1");
        return { body: sent, type: "application/vnd.kubernetes.protobuf" };
      }
    }
    return { body: json, type: "application/json" };
  }

  /** Undefined for what cannot be said in protobuf. */
  private protobuf(value: JsonValue): Buffer | undefined {
    const { shape, apiVersion, kind } = this.definition;
    try {
      return Buffer.from(encodeObject(shape, { ...decode(shape, value).object, apiVersion, kind }));
    } catch {
      return undefined; // Sent as JSON instead: decoders.ts tries the codec itself.
    }
  }

  /** Reads in every form. @returns What went wrong */
  private async reads(path: string): Promise<string | undefined> {
    for (const accept of ["application/json", "application/vnd.kubernetes.protobuf", "application/yaml", asTable]) {
      const { code, text } = await this.server.ask(`GET ${path}`, { headers: { accept } });
      // Gone is fine: an update may have taken the last finalizer.
      if (code !== 200 && code !== 404) return `GET as ${accept}: ${code} ${text.slice(0, 300)}`;
    }
    return undefined;
  }
}

const asTable = "application/json;as=Table;g=meta.k8s.io;v=v1";

/** What an answer lacks: it takes, or it refuses and says why. */
function fault({ code, text }: TestAnswer): string | undefined {
  if (code >= 200 && code < 300) return undefined;
  // Upstream's words and code, which clients know.
  if (code === 500 && text.includes("resourceVersion should not be set on objects to be created")) return undefined;
  if (code < 400 || code >= 500) return `${code} ${text.slice(0, 300)}`;
  const status = JSON.parse(text) as {
    readonly message?: string;
    readonly details?: { readonly causes?: readonly object[] };
  };
  if (!status.message) return `${code} without a message`;
  return code === 422 && !status.details?.causes?.length
    ? `422 without a cause: ${status.message.slice(0, 200)}`
    : undefined;
}
