/** The example images: which of Debian's packages are in each, and what it runs. */
import type { ImageConfig } from "../runtime/oci.ts";

export interface Recipe {
  /** With what they depend on, but for `dropped`. */
  readonly packages: readonly string[];
  /** Folders that whoever runs the image may write to. */
  readonly writable: readonly string[];
  /** Path in the image to path in examples/images. */
  readonly files: Readonly<Record<string, string>>;
  /** Names that Debian gives by its alternatives, and what they stand for. */
  readonly links?: Readonly<Record<string, string>>;
  readonly user: { readonly name: string; readonly uid: number };
  readonly config: Omit<ImageConfig, "User">;
}

/** Packages that only install or administer others, of no use in an image that is never changed. */
export const dropped =
  /^(?:adduser|base-passwd|debconf|debianutils|gcc-\d+-base|libc-gconv.*|libc-l10n|libdebconfclient0|libpam-modules.*|libperl.*|libsemanage.*|libsepol2|libsystemd-shared|locales|login\.defs|mawk|openssl.*|passwd|perl.*|lib.*-perl|postgresql-.*common|ssl-cert|systemd|ucf)$/;

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const root = { name: "root", uid: 0 };

export const recipes: Readonly<Record<string, Recipe>> = {
  busybox: {
    packages: [],
    writable: [],
    files: {},
    user: root,
    config: { Entrypoint: [], Cmd: ["sh"], Env: [path] },
  },
  redis: {
    packages: ["redis-server"],
    writable: ["data"],
    files: {},
    user: { name: "redis", uid: 999 },
    config: {
      Entrypoint: ["redis-server", "--bind", "* -::*", "--protected-mode", "no", "--dir", "/data"],
      Env: [path],
      WorkingDir: "/data",
      ExposedPorts: { "6379/tcp": {} },
      Volumes: { "/data": {} },
    },
  },
  postgres: {
    packages: ["postgresql-18", "libc-bin"],
    writable: ["var/lib/postgresql/data"],
    files: { "usr/local/bin/start-postgres": "postgres/start-postgres" },
    user: { name: "postgres", uid: 999 },
    config: {
      Entrypoint: ["start-postgres"],
      Env: [
        path.replace("=", "=/usr/lib/postgresql/18/bin:"),
        "LANG=C.UTF-8",
        "PGDATA=/var/lib/postgresql/data/18",
        "PGHOST=/tmp",
        "POSTGRES_USER=postgres",
      ],
      ExposedPorts: { "5432/tcp": {} },
      Volumes: { "/var/lib/postgresql/data": {} },
      // A smart shutdown would wait for its clients to leave.
      StopSignal: "SIGINT",
    },
  },
  web: {
    packages: ["python3", "python3-psycopg2", "python3-redis"],
    writable: [],
    files: { "app/guestbook.py": "web/guestbook.py" },
    user: { name: "web", uid: 999 },
    config: {
      Entrypoint: ["python3", "/app/guestbook.py"],
      Env: [path, "LANG=C.UTF-8", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"],
      ExposedPorts: { "8080/tcp": {} },
    },
  },
  toolbox: {
    packages: [
      "bash",
      "bind9-dnsutils",
      "curl",
      "iperf3",
      "iproute2",
      "iputils-ping",
      "netcat-openbsd",
      "procps",
      "redis-tools",
    ],
    writable: [],
    files: {},
    links: { "usr/bin/nc": "nc.openbsd" },
    user: root,
    config: { Entrypoint: [], Cmd: ["bash"], Env: [path] },
  },
};
