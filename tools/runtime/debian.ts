/**
 * Debian's package archive, read by the machine's own apt with a configuration of our own: nothing is installed, and
 * nothing of the machine's package state is touched. Signatures are checked against the archive keys kept beside this
 * file, so that it works the same on Ubuntu, which does not have them.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../src/base/assert.ts";
import { CommandError, run } from "../../src/host/processes.ts";

const programMs = 900_000;

const mirror = "http://deb.debian.org/debian";
const keys = join(import.meta.dirname, "debian-archive.asc");
const downloadTriesMax = 3;

export interface Deb {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  readonly url: string;
}

export class DebianArchive {
  private readonly folder: string;
  private readonly configuration: string;

  /** @param folder Keeps the index and the packages between runs. One process at a time may use it. */
  constructor(folder: string) {
    this.folder = folder;
    this.configuration = join(folder, "apt.conf");
  }

  /** Brings the index up to date. @returns False when the archive cannot be reached and an older index is used. */
  async refresh(): Promise<boolean> {
    this.configure();
    try {
      await this.apt(["update", "--error-on=any"]);
    } catch (error) {
      const haveIndex = readdirSync(join(this.folder, "lists")).some((name) => name.includes("_Packages"));
      if (haveIndex) return false;
      throw new Error(
        `could not read Debian's package index from ${mirror}: check the network (a proxy is set in /etc/apt/apt.conf.d as for apt itself)`,
        { cause: complaintOf(error) },
      );
    }
    await this.apt(["autoclean"]);
    return true;
  }

  /**
   * Downloads packages with everything they depend on. What is here already is not fetched again.
   *
   * @param packages Names, or `name=version`.
   */
  async fetch(packages: readonly string[]): Promise<readonly Deb[]> {
    const install = ["install", "--yes", "--no-install-recommends"];
    try {
      // With `--print-uris` apt leaves out what it has; an empty archive folder makes it name everything.
      const uris = await this.apt([
        ...install,
        "--print-uris",
        "-o",
        `Dir::Cache::archives=${this.folder}/none`,
        ...packages,
      ]);
      await this.apt([...install, "--download-only", ...packages]);
      return [...uris.matchAll(/^'([^']+)' (\S+\.deb) /gm)].map(([, url = "", file = ""]) => {
        const [name = "", version = ""] = file.split("_");
        return { name, version: decodeURIComponent(version), path: join(this.folder, "archives", file), url };
      });
    } catch (error) {
      throw new Error(`could not fetch packages from ${mirror}: check the network and the free disk space`, {
        cause: complaintOf(error),
      });
    }
  }

  /** The versions that the archive holds of each package. */
  async versions(packages: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    // Lines such as `runc | 1.3.6+ds1-1 | http://deb.debian.org/debian sid/main amd64 Packages`.
    const listing = await run("apt-cache", ["-c", this.configuration, "madison", ...packages], {
      timeoutMs: programMs,
      env: { ...environment(), LC_ALL: "C" },
    });
    const found = listing.split("\n").map((line) => line.split("|").map((part) => part.trim()));
    return new Map(
      packages.map((name) => [name, found.filter(([one]) => one === name).map(([, version = ""]) => version)]),
    );
  }

  private apt(args: readonly string[]): Promise<string> {
    return run("apt-get", ["-c", this.configuration, "-q", ...args], {
      timeoutMs: programMs,
      env: { ...environment(), LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
    });
  }

  private configure(): void {
    for (const name of ["lists/partial", "archives/partial", "none/partial"])
      mkdirSync(join(this.folder, name), { recursive: true });
    writeFileSync(join(this.folder, "sources.list"), `deb [arch=amd64 signed-by=${keys}] ${mirror} sid main\n`);
    // Read after the machine's own configuration, of which only proxies and the like shall stay in force.
    writeFileSync(
      this.configuration,
      `#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Default-Release "";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "${downloadTriesMax}";
Debug::NoLocking "true";
Dir::Cache "${this.folder}";
Dir::Cache::archives "archives";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "${this.folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State "${this.folder}";
Dir::State::lists "lists";
Dir::State::status "/dev/null";
`,
    );
  }
}

/**
 * Unpacks packages into `folder`, one over the other. Their scripts are not run.
 *
 * @returns The paths in each package, relative.
 */
export async function unpack<T extends Deb>(
  debs: readonly T[],
  folder: string,
): Promise<ReadonlyMap<T, readonly string[]>> {
  mkdirSync(folder, { recursive: true });
  const paths = new Map<T, readonly string[]>();
  for (const deb of debs) {
    const listing = await run("dpkg-deb", ["--vextract", deb.path, folder], { timeoutMs: programMs });
    paths.set(
      deb,
      listing.split("\n").map((line) => line.replace(/^\.\//, "")),
    );
  }
  return paths;
}

export function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** apt says what is wrong in lines with "E:". */
function complaintOf(error: unknown): string {
  if (!(error instanceof CommandError)) return messageOf(error);
  const complaints = error.stderr.split("\n").filter((line) => line.startsWith("E: "));
  return complaints.length === 0 ? error.message : complaints.slice(0, 3).join("; ");
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
