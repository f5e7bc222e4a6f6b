/**
 * What kedge may leave on a machine, as a set of lines in which a test looks for what is its own: links, routes, nft
 * tables, mounts, control groups, files and folders outside the data directory, and processes.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeBundle } from "../../src/host/runtime-bundle.ts";

/** Folders in which a container runtime leaves things. */
const watched = [
  "/etc/cni",
  "/etc/containerd",
  "/etc/kedge",
  "/opt/cni",
  "/run/kedge",
  "/run/containerd",
  "/run/netns",
];
const watchedToo = ["/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods", "/var/log/containers"];

export function machineSnapshot(bundle: RuntimeBundle): ReadonlySet<string> {
  const ip = (...args: readonly string[]): unknown[] =>
    // `ip -j` prints a list of objects.
    JSON.parse(execFileSync(bundle.ip, ["-j", ...args], { encoding: "utf8" }) || "[]") as unknown[];
  const links = ip("link", "show").map((link) => ({ name: field(link, "ifname"), master: field(link, "master") }));
  // Names of the pods' links are chance; their bridges tell whose they are.
  const names = new Map(links.map(({ name, master }) => [name, master === "" ? name : `link of ${master}`]));
  const listening = new Set(lines(readFileSync("/proc/net/unix", "utf8")).map((line) => line.split(" ").at(-1) ?? ""));
  const named = (text: string): string => names.get(text) ?? text;
  return new Set([
    ...links.map(({ name }) => `link ${named(name)}`),
    ...ip("address", "show")
      .filter((link) => named(field(link, "ifname")) === field(link, "ifname"))
      .map((link) => `addresses of ${field(link, "ifname")}: ${addresses(link)}`),
    ...ip("route", "show", "table", "all")
      .filter((route) => named(field(route, "dev")) === field(route, "dev"))
      .map((route) => `route ${field(route, "dst")} ${field(route, "dev")} ${field(route, "table")}`),
    ...lines(execFileSync(bundle.nft, ["list", "tables"], { encoding: "utf8" })).map((table) => `nft ${table}`),
    ...lines(readFileSync("/proc/self/mountinfo", "utf8")).map((mount) => `mount ${mount.split(" ")[4]}`),
    ...cgroups("/sys/fs/cgroup", 3).map((path) => `cgroup ${path}`),
    ...[...watched, ...watchedToo]
      .flatMap((folder) => filesBelow(folder, 3))
      // Whose shim listens here is told by its process.
      .filter((path) => !listening.has(path))
      .map((path) => `file ${path}`),
    ...readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim())
      .filter((command) => /kedge|containerd/.test(command) && !command.includes("--test"))
      .map((command) => `process ${command}`),
  ]);
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function field(object: unknown, key: string): string {
  // Whatever it is, its fields are looked at as unknown.
  const value = (object as Readonly<Record<string, unknown>>)[key] ?? "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function addresses(link: unknown): string {
  // As `ip -j address` prints it.
  const { addr_info: found } = link as { readonly addr_info?: readonly unknown[] };
  return (found ?? []).map((address) => `${field(address, "local")}/${field(address, "prefixlen")}`).join(", ");
}

function cgroups(folder: string, depth: number): string[] {
  return folders(folder).flatMap((path) => [path, ...(depth > 1 ? cgroups(path, depth - 1) : [])]);
}

function folders(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  } catch {
    return []; // Gone meanwhile.
  }
}

function filesBelow(folder: string, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() && depth > 1 ? [path, ...filesBelow(path, depth - 1)] : [path];
    });
  } catch {
    return []; // Not there, or gone meanwhile.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return ""; // Not there, or gone meanwhile.
  }
}
