/**
 * The certificates of a cluster and of a node, in files with K3s' names. What is missing is made, what has less than a
 * third of its life left is renewed; both functions may be called at any time, also while everything runs.
 */
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import {
  canonicalName,
  type CertifiedKey,
  isCertificate,
  isPrivateKey,
  isSignedBy,
  issue,
  issueCa,
  type LeafOptions,
  type LeafUsage,
  matches,
  newKey,
  readCertificate,
} from "#wire/x509.ts";
import { readSecret, writeSecret } from "./certificates/files.ts";

const dayMs = 24 * 3_600_000;
const caLifeMs = 3650 * dayMs;
const leafLifeMs = 365 * dayMs;
// A machine whose clock is behind must not find a certificate of the future.
const skewMs = 3_600_000;

/** Certificates with which parts of the control plane present themselves. */
const clients = {
  admin: { file: "client-admin", commonName: "system:admin", organizations: ["system:masters"] },
  // With which the API server comes to kubelets. Whoever gets them to answer in its stead learns to ask kubelets only.
  apiServer: {
    file: "client-kube-apiserver",
    commonName: "kedge:kubelet-client",
    organizations: ["kedge:kubelet-clients"],
  },
  controllers: { file: "client-controller", commonName: "system:kube-controller-manager", organizations: [] },
  scheduler: { file: "client-scheduler", commonName: "system:kube-scheduler", organizations: [] },
  kubeProxy: { file: "client-kube-proxy", commonName: "system:kube-proxy", organizations: [] },
} as const;

export type ClientName = keyof typeof clients;

/** What everything in a cluster trusts, made once. */
export interface CertificateAuthorities {
  /** Signs what the API shows. */
  readonly serverCa: CertifiedKey;
  /** Signs what kubelets show. Another one than the API's, so that no node can stand in for the API. */
  readonly kubeletCa: CertifiedKey;
  /** Signs what clients of the API show. */
  readonly clientCa: CertifiedKey;
  /** Signs what the API shows to the servers of aggregated APIs. */
  readonly requestHeaderCa: CertifiedKey;
  /** Signs service account tokens. A private key in PEM. */
  readonly serviceKey: string;
}

export interface ServerCertificates extends CertificateAuthorities {
  readonly authProxy: CertifiedKey;
  readonly serving: CertifiedKey;
  readonly clients: Readonly<Record<ClientName, CertifiedKey>>;
  /** Names of the files that were written by this call, without their ending. */
  readonly renewed: readonly string[];
}

export interface ServerCertificateOptions {
  /** `<data>/server/tls`. */
  readonly folder: string;
  readonly clock: Clock;
  /** DNS names and addresses under which the API is reached. */
  readonly names: readonly string[];
  /** True while there is no cluster yet: later, an authority that is missing is lost, and no new one replaces it. */
  readonly first: boolean;
  /** What a running server has already and only renews leaves for; nothing of it is read again. */
  readonly known?: CertificateAuthorities;
}

/** @throws Error in one sentence when an authority's certificate or key is missing, damaged or does not fit. */
export function ensureServerCertificates(options: ServerCertificateOptions): ServerCertificates {
  const { folder, clock, names, first } = options;
  const keeper = new Keeper(folder, clock);
  const authorities = options.known ?? authoritiesOf(keeper, first);
  const { serverCa, clientCa, requestHeaderCa } = authorities;
  const client = (name: ClientName): CertifiedKey => keeper.leaf(clientCa, { ...clients[name], usages: ["client"] });
  const { kubeletCa, serviceKey } = authorities;
  return {
    serverCa,
    kubeletCa,
    clientCa,
    requestHeaderCa,
    serviceKey,
    authProxy: keeper.leaf(requestHeaderCa, {
      file: "client-auth-proxy",
      commonName: "system:auth-proxy",
      usages: ["client"],
    }),
    serving: keeper.leaf(serverCa, {
      file: "serving-kube-apiserver",
      commonName: "kube-apiserver",
      usages: ["server"],
      names,
    }),
    clients: {
      admin: client("admin"),
      apiServer: client("apiServer"),
      controllers: client("controllers"),
      scheduler: client("scheduler"),
      kubeProxy: client("kubeProxy"),
    },
    renewed: keeper.written,
  };
}

function authoritiesOf(keeper: Keeper, first: boolean): CertificateAuthorities {
  return {
    serverCa: keeper.ca("server-ca", first),
    clientCa: keeper.ca("client-ca", first),
    requestHeaderCa: keeper.ca("request-header-ca", first),
    // Clusters of before it was there get one at their next start.
    kubeletCa: keeper.ca("kubelet-ca", true),
    serviceKey: keeper.key("service", first),
  };
}

export interface NodeCertificates {
  /** With which the kubelet presents itself to the API. */
  readonly client: CertifiedKey;
  /** With which the kubelet serves. */
  readonly serving: CertifiedKey;
  readonly renewed: readonly string[];
}

export interface NodeCertificateOptions {
  /** `<data>/agent`. */
  readonly folder: string;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly addresses: readonly string[];
}

/** The certificates of the node inside a server, which has the CAs at hand. */
export function ensureNodeCertificates(
  cas: Pick<CertificateAuthorities, "serverCa" | "kubeletCa" | "clientCa">,
  { folder, clock, nodeName, addresses }: NodeCertificateOptions,
): NodeCertificates {
  const keeper = new Keeper(folder, clock);
  const subject = { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
  keeper.copy("server-ca", cas.serverCa.certificate);
  keeper.copy("client-ca", cas.clientCa.certificate);
  return {
    client: keeper.leaf(cas.clientCa, { file: "client-kubelet", ...subject, usages: ["client"] }),
    serving: keeper.leaf(cas.kubeletCa, {
      file: "serving-kubelet",
      ...subject,
      usages: ["server"],
      names: [nodeName, ...addresses],
    }),
    renewed: keeper.written,
  };
}

export interface ApiNames {
  readonly clusterDomain: string;
  /** The first address of the service network. */
  readonly serviceAddress: string;
  readonly nodeName: string;
  /** Addresses of the node, what is advertised, and what the user added. */
  readonly more: readonly string[];
}

/** Every name under which the API is reached, each once. */
export function apiServerNames({ clusterDomain, serviceAddress, nodeName, more }: ApiNames): string[] {
  const service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const names = [...service, `kubernetes.default.svc.${clusterDomain}`, "localhost", "127.0.0.1", "::1"];
  return [...new Set([...names, serviceAddress, nodeName, ...more])];
}

interface Leaf {
  readonly file: string;
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usages: readonly LeafUsage[];
  readonly names?: readonly string[];
}

/** Reads and writes the pairs of one folder. */
class Keeper {
  readonly written: string[] = [];
  private readonly folder: string;
  private readonly nowMs: number;

  constructor(folder: string, clock: Clock) {
    this.folder = folder;
    this.nowMs = clock.nowMs();
  }

  /** A CA is made once and then only read: everything in the cluster trusts it. */
  ca(name: string, mayMake: boolean): CertifiedKey {
    const certificate = readSecret(this.path(name, "crt"));
    const key = readSecret(this.path(name, "key"));
    if (certificate !== undefined) return this.knownCa(name, { certificate, key });
    if (!mayMake) throw lost(this.path(name, "crt"));
    // A key without a certificate is what is left when the first start was cut off.
    const made = issueCa({
      commonName: `kedge-${name}@${Math.floor(this.nowMs / 1000)}`,
      notBeforeMs: this.nowMs - skewMs,
      notAfterMs: this.nowMs + caLifeMs,
      ...(key === undefined ? {} : { key }),
    });
    writeSecret(this.path(name, "key"), made.key, { durable: true });
    writeSecret(this.path(name, "crt"), made.certificate, { durable: true });
    this.written.push(name);
    return made;
  }

  key(name: string, mayMake: boolean): string {
    const path = this.path(name, "key");
    const known = readSecret(path);
    if (known !== undefined) {
      if (isPrivateKey(known)) return known;
      throw new Error(
        `expected a private key in PEM in ${path}, found something else; restore the file from a backup (every service account token was signed with it)`,
      );
    }
    if (!mayMake) throw lost(path);
    const made = newKey();
    writeSecret(path, made, { durable: true });
    this.written.push(name);
    return made;
  }

  leaf(ca: CertifiedKey, leaf: Leaf): CertifiedKey {
    const certificate = readSecret(this.path(leaf.file, "crt"));
    const key = readSecret(this.path(leaf.file, "key"));
    if (certificate !== undefined && key !== undefined && this.serves({ certificate, key }, ca, leaf)) {
      return { certificate, key };
    }
    const options: LeafOptions = { ...leaf, notBeforeMs: this.nowMs - skewMs, notAfterMs: this.endOfLife(ca) };
    const made = issue(ca, options);
    writeSecret(this.path(leaf.file, "key"), made.key);
    writeSecret(this.path(leaf.file, "crt"), made.certificate);
    this.written.push(leaf.file);
    return made;
  }

  /** A certificate of others, for those who read it as a file. */
  copy(name: string, certificate: string): void {
    if (readSecret(this.path(name, "crt")) !== certificate) writeSecret(this.path(name, "crt"), certificate);
  }

  private knownCa(name: string, ca: { readonly certificate: string; readonly key: string | undefined }): CertifiedKey {
    const { certificate, key } = ca;
    const [certificatePath, keyPath] = [this.path(name, "crt"), this.path(name, "key")];
    const remedy = "restore both files from a backup";
    if (!isCertificate(certificate))
      throw new Error(`expected the certificate of a CA in ${certificatePath}, found something else; ${remedy}`);
    const expected = `expected the key of the CA ${certificatePath} in ${keyPath}, found`;
    if (key === undefined) throw new Error(`${expected} no such file; ${remedy}`);
    if (!isPrivateKey(key)) throw new Error(`${expected} something else; ${remedy}`);
    if (!matches({ certificate, key })) throw new Error(`${expected} another key; ${remedy}`);
    return { certificate, key };
  }

  /** True when the pair is what `leaf` asks for and has at least a third of its life left. */
  private serves(pair: CertifiedKey, ca: CertifiedKey, leaf: Leaf): boolean {
    try {
      const facts = readCertificate(pair.certificate);
      const left = facts.notAfterMs - this.nowMs;
      const life = facts.notAfterMs - facts.notBeforeMs;
      return (
        left >= life / 3 &&
        facts.commonName === leaf.commonName &&
        sameSet(facts.organizations, leaf.organizations ?? []) &&
        sameSet(facts.names, (leaf.names ?? []).map(canonicalName)) &&
        isSignedBy(pair.certificate, ca.certificate, this.nowMs) &&
        matches(pair)
      );
    } catch {
      // A file that cannot be read as a certificate is replaced like one that is missing.
      return false;
    }
  }

  private endOfLife(ca: CertifiedKey): number {
    return Math.min(this.nowMs + leafLifeMs, readCertificate(ca.certificate).notAfterMs);
  }

  private path(name: string, ending: "crt" | "key"): string {
    return join(this.folder, `${name}.${ending}`);
  }
}

function lost(path: string): Error {
  return new Error(
    `expected ${path}, which belongs to the cluster in this data directory, found no such file; restore the folder "server" from a backup`,
  );
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  const left = new Set(one);
  const right = new Set(other);
  return left.size === right.size && [...left].every((item) => right.has(item));
}
