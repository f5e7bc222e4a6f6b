/**
 * What the load needs of an API server: a namespace of its own and someone who may work there, by a role and no more.
 * All of it goes with the namespace.
 */
import { H2Client, type Request, type Target } from "./h2-client.ts";
import { refusal } from "./drive.ts";

const account = "load";
const tokenSeconds = 4 * 3_600;

export interface Setting {
  readonly namespace: string;
  /** The same server, for the one who may work in the namespace. */
  readonly target: Target;
}

/** @param admin Who may make namespaces and roles. */
export async function prepare(admin: Target): Promise<Setting> {
  const namespace = `bench-${Date.now().toString(36)}`;
  const client = await H2Client.connect(admin);
  try {
    const core = `/api/v1/namespaces/${namespace}`;
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await post(client, "/api/v1/namespaces", named("v1", "Namespace", namespace));
    await post(client, `${core}/serviceaccounts`, named("v1", "ServiceAccount", account));
    await post(client, `${rbac}/roles`, {
      ...named("rbac.authorization.k8s.io/v1", "Role", account),
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["*"] }],
    });
    await post(client, `${rbac}/rolebindings`, {
      ...named("rbac.authorization.k8s.io/v1", "RoleBinding", account),
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: account },
      subjects: [{ kind: "ServiceAccount", name: account, namespace }],
    });
    const answer = await post(client, `${core}/serviceaccounts/${account}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: tokenSeconds },
    });
    // Holds because a TokenRequest is answered with its status, which carries the token.
    const { token } = (answer as { readonly status: { readonly token: string } }).status;
    const { url, ca } = admin;
    return { namespace, target: { url, token, ...(ca !== undefined && { ca }) } };
  } finally {
    client.close();
  }
}

/** Asks for the end of the namespace and does not wait for it. */
export async function discard(admin: Target, namespace: string): Promise<void> {
  await ask(admin, { method: "DELETE", target: `/api/v1/namespaces/${namespace}` });
}

/** One request on a connection of its own. @returns What was answered, parsed. @throws Error with the refusal */
export async function ask(target: Target, request: Request): Promise<unknown> {
  const client = await H2Client.connect(target);
  try {
    const reply = await client.request(request);
    const problem = refusal(reply);
    if (problem !== undefined) throw new Error(`${request.method} ${request.target}: ${problem}`);
    return JSON.parse(Buffer.concat(reply.pieces).toString());
  } finally {
    client.close();
  }
}

function named(apiVersion: string, kind: string, name: string): object {
  return { apiVersion, kind, metadata: { name } };
}

async function post(client: H2Client, target: string, object: object): Promise<unknown> {
  const body = Buffer.from(JSON.stringify(object));
  const reply = await client.request({ method: "POST", target, contentType: "application/json", body });
  const problem = refusal(reply);
  if (problem !== undefined) throw new Error(`POST ${target}: ${problem}`);
  return JSON.parse(Buffer.concat(reply.pieces).toString());
}
