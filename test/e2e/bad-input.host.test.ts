/** What a user may get wrong: each gives one clear sentence, the right exit code or HTTP status, and nothing else stops. */
import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync, writeSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { before, test } from "node:test";
import { JwtSigner, type Claims } from "../../src/wire/jwt.ts";
import { parseYaml } from "../../src/wire/yaml.ts";
import { command, freePort, kedge, newPlace, Server, type Ended, type Place } from "./kedge.ts";

const networks = ["10.66.0.0/16", "10.67.0.0/16"] as const;
let place: Place;
let server: Server;

before(async () => {
  place = await newPlace(networks, "--disable-agent");
  server = await Server.start(place);
});

/** One sentence that begins with the program's name, and the exit code. */
function refuses(ended: Ended, code: number, sentence: RegExp): void {
  assert.match(ended.stderr, sentence);
  assert.match(ended.stderr, /^kedge: [^\n]+\n$/, "expected one sentence");
  assert.equal(ended.code, code);
}

test("flags that are unknown, of a wrong type or without a value end with code 2", async () => {
  refuses(await kedge("server", "--data-dri", "/tmp/x"), 2, /found "data-dri"; the nearest is "data-dir"/);
  refuses(await kedge("server", "--https-listen-port", "many"), 2, /a number from 1 to 65535 .* found "many"/);
  refuses(await kedge("server", "--cluster-cidr=10.42.0.0"), 2, /network .* found "10\.42\.0\.0"/);
  refuses(await kedge("server", "--data-dir"), 2, /expected a value after flag --data-dir/);
  refuses(await kedge("server", "extra"), 2, /expected a flag .* found "extra"/);
  refuses(await kedge("serve"), 2, /"serve"/);
});

test("a configuration file that is missing, broken or has wrong keys ends with code 2", async () => {
  const file = join(place.folder, "config.yaml");
  const withConfig = (text: string): Promise<Ended> => {
    writeFileSync(file, text);
    return kedge("server", "--config", file);
  };
  refuses(await kedge("server", "--config", join(place.folder, "none.yaml")), 2, /expected to read .*none\.yaml/);
  refuses(await withConfig("node-nam: x\n"), 2, /key "node-nam" of .*; the nearest is "node-name"/);
  refuses(await withConfig("https-listen-port: [1]\n"), 2, /key "https-listen-port" of .*config\.yaml, found \[1\]/);
  refuses(await withConfig("node-name: [\n"), 2, /expected YAML in .*config\.yaml/);
});

test("a port in use, a data directory in use, of another version or that cannot be written end with code 1", async () => {
  const other = await newPlace(networks, "--disable-agent");
  const start = (...args: readonly string[]): Promise<Ended> => kedge("server", ...other.args, ...args);
  refuses(await start("--https-listen-port", String(place.port)), 1, new RegExp(`${place.port}.*--https-listen-port`));
  refuses(await kedge("server", ...place.args), 1, /to be free, found it in use by kedge with process id \d+/);
  writeFileSync(join(other.dataDir, "layout-version"), "99\n");
  refuses(await start(), 1, /layout version "1", found "99".*another --data-dir/);
  writeFileSync(join(other.dataDir, "layout-version"), "1\n");
  refuses(
    await start("--data-dir", "/dev/null/data"),
    1,
    /expected to write "\/dev\/null\/data", found a file in the place of a folder.*--data-dir/,
  );
});

test("without root, a server with a node says what it takes", async () => {
  const nobody = 65_534;
  // The checkout may lie where only root may look: the sources are then not found, which is no answer.
  const self = process.execPath;
  const main = join(import.meta.dirname, "../../src/main.ts");
  const readable = await command(self, ["--version"], { uid: nobody });
  assert.equal(readable.code, 0, "expected a checkout that everyone may read");
  refuses(await command(self, [main, "server", "--data-dir", "/tmp/x"], { uid: nobody }), 1, /expected to run as root/);
});

test("killall and uninstall refuse folders that are not kedge's", async () => {
  const folder = join(place.folder, "precious");
  mkdirSync(folder);
  refuses(await kedge("uninstall", "--data-dir", folder, "--yes"), 2, /without the file layout-version; nothing/);
  refuses(await kedge("killall", "--data-dir", "/"), 2, /expected a data directory of kedge, found "\/"/);
});

interface Reply {
  readonly status: number;
  readonly body: {
    readonly message?: string;
    readonly reason?: string;
    readonly details?: { readonly causes?: unknown[] };
  };
}

interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As the administrator, unless a token is given. */
async function ask({ method = "POST", path, body, type = "application/json", token, headers }: Ask): Promise<Reply> {
  // The kubeconfig is kedge's own.
  const { clusters, users } = parseYaml(readFileSync(place.kubeconfig, "utf8")) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const data = (from: Record<string, string> | undefined, key: string): Buffer =>
    Buffer.from(from?.[key] ?? "", "base64");
  const user = users[0]?.user;
  const identity =
    token === undefined
      ? {
          cert: data(user, "client-certificate-data"),
          key: data(user, "client-key-data"),
        }
      : {};
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const sent = request(
    {
      host: "127.0.0.1",
      port: place.port,
      ca: data(clusters[0]?.cluster, "certificate-authority-data"),
      ...identity,
      method,
      path,
      headers: {
        ...(body !== undefined && { "content-type": type }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    },
    (reply) => {
      const chunks: Buffer[] = [];
      reply.on("data", (chunk: Buffer) => chunks.push(chunk));
      reply.on("end", () => resolve({ status: reply.statusCode ?? 0, body: bodyOf(Buffer.concat(chunks).toString()) }));
    },
  );
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

function bodyOf(text: string): Reply["body"] {
  // A Status, or an object that is not looked at; paths that do not exist are answered in plain text.
  return text.startsWith("{") ? (JSON.parse(text) as Reply["body"]) : { message: text };
}

const configMaps = "/api/v1/namespaces/default/configmaps";
const pods = "/api/v1/namespaces/default/pods";

test("bodies that are broken, huge, deep or of a wrong type are refused", async () => {
  const cases: readonly [Ask, number, RegExp][] = [
    [{ path: configMaps, body: "{" }, 400, /JSON|unexpected/i],
    [{ path: configMaps, body: "" }, 400, /./],
    [{ path: configMaps, body: "[]" }, 400, /./],
    [{ path: configMaps, body: `{"data":{"a":"${"x".repeat(3.2 * 1024 * 1024)}"}}` }, 413, /limit|large/i],
    [{ path: configMaps, body: `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}` }, 400, /exceeded max depth/],
    [{ path: configMaps, body: "metadata", type: "text/plain" }, 415, /media type/],
    [
      { path: configMaps, body: new Uint8Array([0x6b, 0x38, 0x73, 0, 1]), type: "application/vnd.kubernetes.protobuf" },
      400,
      /./,
    ],
    [
      { path: configMaps, body: '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}' },
      400,
      /Secret|ConfigMap/,
    ],
    [{ path: `${configMaps}?limit=many`, method: "GET" }, 400, /many/],
    [{ path: configMaps, method: "GET", headers: { accept: "image/png" } }, 406, /./],
    [{ path: configMaps, method: "TRACE" }, 405, /./],
    [{ path: "/api/v1/namespaces/default/no-such", method: "GET" }, 404, /./],
  ];
  for (const [asked, status, message] of cases) {
    const about = JSON.stringify({ ...asked, body: String(asked.body).slice(0, 60) });
    const reply = await ask(asked);
    assert.equal(reply.status, status, `${about}: ${JSON.stringify(reply.body)}`);
    assert.match(reply.body.message ?? "", message, about);
  }
  assert.equal((await ask({ path: configMaps, method: "GET" })).status, 200);
});

test("unknown and duplicate fields are refused or warned of, as was asked", async () => {
  const body = `{"metadata":{"name":"strict"},"data":{"a":"1","a":"2"},"dat":{}}`;
  const strict = await ask({ path: `${configMaps}?fieldValidation=Strict&dryRun=All`, body });
  assert.equal(strict.status, 400);
  assert.match(strict.body.message ?? "", /strict decoding error: unknown field "dat", duplicate field "data\.a"/);
  assert.equal((await ask({ path: `${configMaps}?fieldValidation=Warn&dryRun=All`, body })).status, 201);
  const applied = await server.tryKubectl(["create", "--dry-run=server", "--validate=warn", "-f", "-"], {
    input: "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: warned }\ndat: {}\n",
  });
  assert.match(applied.stderr, /Warning: unknown field "dat"/);
});

test("an invalid object is told all its causes at once", async () => {
  const container = { name: "UPPER", image: "", ports: [{ containerPort: 70_000 }] };
  const body = JSON.stringify({
    metadata: { name: "Bad_Name" },
    spec: { containers: [container], restartPolicy: "Maybe" },
  });
  const reply = await ask({ path: pods, body });
  assert.equal(reply.status, 422);
  assert.equal(reply.body.reason, "Invalid");
  const fields = (reply.body.details?.causes ?? []).map((cause) => (cause as { field: string }).field);
  for (const field of [
    "metadata.name",
    "spec.containers[0].name",
    "spec.containers[0].image",
    "spec.containers[0].ports[0].containerPort",
    "spec.restartPolicy",
  ])
    assert.ok(fields.includes(field), `${field} is missing in ${fields.join(", ")}`);
});

test("wrong credentials are 401, too few rights 403, an expired token 401", async () => {
  assert.equal((await ask({ method: "GET", path: pods, token: "made-up" })).status, 401);
  await server.kubectl("create", "serviceaccount", "visitor");
  const token = (await server.kubectl("create", "token", "visitor")).trim();
  const forbidden = await ask({ method: "GET", path: pods, token });
  assert.equal(forbidden.status, 403);
  assert.match(
    forbidden.body.message ?? "",
    /User "system:serviceaccount:default:visitor" cannot list resource "pods"/,
  );
  const [head = "", payload = "", signature = ""] = token.split(".");
  const forged = payload.slice(0, -4) + (payload.endsWith("AAAA") ? "BBBB" : "AAAA");
  assert.equal((await ask({ method: "GET", path: pods, token: `${head}.${forged}.${signature}` })).status, 401);
  const key = readFileSync(join(place.dataDir, "server/tls/service.key"), "utf8");
  // A payload of a token that was just accepted.
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Claims;
  const aged = new JwtSigner(key).sign({ ...claims, iat: 1_700_000_000, nbf: 1_700_000_000, exp: 1_700_003_600 });
  assert.equal((await ask({ method: "GET", path: pods, token: aged })).status, 401);
  const short = await server.tryKubectl(["create", "token", "default", "--duration=1s"]);
  assert.match(short.stderr, /may not specify a duration less than 10 minutes/);
});

test("a manifest with broken YAML is reported, and the others are applied", async () => {
  const folder = join(place.dataDir, "server/manifests");
  writeFileSync(join(folder, "broken.yaml"), "kind: ConfigMap\n  name: [\n");
  writeFileSync(join(folder, "good.yaml"), "apiVersion: v1\nkind: Namespace\nmetadata: { name: from-manifest }\n");
  await server.says(/broken\.yaml/);
  await server.kubectl("wait", "namespace/from-manifest", "--for=create", "--timeout=20s");
});

test("a corrupt page of the database is told at the start, and nothing is written over", async () => {
  const own = await newPlace(networks, "--disable-agent");
  const running = await Server.start(own);
  for (let at = 0; at < 5; at += 1)
    await running.kubectl("create", "configmap", `filler-${at}`, `--from-literal=text=${"x".repeat(60_000)}`);
  assert.equal((await running.end("SIGTERM")).code, 0);
  const path = join(own.dataDir, "server/db/state.db");
  const { size } = statSync(path);
  const file = openSync(path, "r+");
  // From the second page on, every page: no reader can miss it.
  for (let at = 4096; at < size; at += 4096) writeSync(file, Buffer.alloc(64, 0xee), 0, 64, at);
  closeSync(file);
  const ended = await kedge("server", ...own.args, "--https-listen-port", String(await freePort()));
  refuses(ended, 1, /state\.db/);
});

test("certificates without their database are refused, and the database without its authority too", async () => {
  const own = await newPlace(networks, "--disable-agent");
  await (await Server.start(own)).end("SIGTERM");
  const moved = (path: string, away: boolean): void => {
    const [here, there] = [join(own.dataDir, path), join(own.folder, "away")];
    if (away) renameSync(here, there);
    else renameSync(there, here);
  };
  for (const [path, sentence] of [
    [
      "server/db",
      /expected the database .*state\.db beside the certificates.*restore the folder "server" from a backup/,
    ],
    [
      "server/tls/server-ca.crt",
      /expected .*server-ca\.crt, which belongs to the cluster .* restore the folder "server"/,
    ],
    ["server/tls/client-ca.key", /expected the key of the CA .*client-ca\.crt in .*found no such file; restore both/],
    ["server/tls/service.key", /expected .*service\.key, which belongs to the cluster .* restore the folder "server"/],
  ] as const) {
    moved(path, true);
    refuses(await kedge("server", ...own.args), 1, sentence);
    moved(path, false);
  }
  await (await Server.start(own)).end("SIGTERM");
});

test("a full disk refuses writes and answers reads, and all is well once there is space", async (context) => {
  const own = await newPlace(networks, "--disable-agent");
  mkdirSync(own.dataDir);
  const mount = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await command("mount", ["-t", "tmpfs", ...args, "tmpfs", own.dataDir]);
    assert.equal(code, 0, stderr);
  };
  await mount("-o", "size=12m");
  const running = await Server.start(own);
  context.after(async () => {
    await running.end("SIGKILL");
    await command("umount", [own.dataDir]);
  });
  const text = "x".repeat(900_000);
  const fill = (at: number): Promise<Ended> =>
    running.tryKubectl(["create", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `fill-${at}` }, data: { text } }),
    });
  let filled = 0;
  let refused = await fill(filled);
  for (; refused.code === 0 && filled < 30; refused = await fill(filled)) filled += 1;
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /disk|space/i);
  assert.equal((await running.kubectl("get", "configmaps", "-o", "name")).match(/fill-/g)?.length, filled);
  await mount("-o", "remount,size=64m");
  assert.equal((await fill(filled)).code, 0);
});
