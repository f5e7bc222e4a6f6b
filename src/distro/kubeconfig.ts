/** The admin's kubeconfig: where the API is, whom to trust, and who one is. */
import { join } from "node:path";
import { base64, utf8 } from "#base/bytes.ts";
import type { CertifiedKey } from "#wire/x509.ts";
import { writeSecret } from "./certificates/files.ts";

export interface KubeconfigParts {
  /** "https://127.0.0.1:6443". */
  readonly server: string;
  /** The CA that signed the server's certificate. */
  readonly serverCa: string;
  readonly client: CertifiedKey;
}

export function formatKubeconfig({ server, serverCa, client }: KubeconfigParts): string {
  const encoded = (text: string): string => base64(utf8(text));
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${encoded(serverCa)}
    server: ${server}
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: ${encoded(client.certificate)}
    client-key-data: ${encoded(client.key)}
`;
}

/** @param mode Octal, as text: "0600". */
export function writeKubeconfig(path: string, parts: KubeconfigParts, mode: string): void {
  const text = formatKubeconfig(parts);
  // Always written: the mode may have changed alone.
  writeSecret(path, text, { mode: Number.parseInt(mode, 8), folderMode: 0o755 });
}

/** The file in a data directory that says where its kubeconfig was written, so that uninstalling finds it. */
export function kubeconfigRecord(dataDir: string): string {
  return join(dataDir, "server/kubeconfig-path");
}

/** The URL of the API on this machine. An address that stands for all of them is reached as loopback. */
export function localServer(bindAddress: string, port: number): string {
  const host = bindAddress === "0.0.0.0" ? "127.0.0.1" : bindAddress === "::" ? "::1" : bindAddress;
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
