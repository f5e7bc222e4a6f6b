/** What the text of a setting must look like. Each check names what was expected, or nothing. */
import { isIP, isIPv4 } from "node:net";
import { parseCidr } from "#base/cidr.ts";

type Answer = string | undefined;

const label63 = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const labelName = /^[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

/** Where nodes and pods meet: there is no IPv6 there yet. */
export function ipv4Address(value: string): Answer {
  return isIPv4(value) ? undefined : "an IPv4 address (IPv6 is not supported yet)";
}

/** An address, or a name that can stand in a certificate. */
export function listenAddress(value: string): Answer {
  return isIP(value) === 0 && domain(value.replace(/^\*\./, "")) !== undefined
    ? "an IP address or a DNS name"
    : undefined;
}

export function cidr(value: string): Answer {
  const parsed = parseCidr(value);
  if (!parsed || parsed.prefixLength > 28) return "an IPv4 network of at least 16 addresses, like 10.42.0.0/16";
  const address = value.split("/")[0] ?? "";
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return isIPv4(address) && number === parsed.base ? undefined : "a network without bits behind its prefix";
}

export function nodePortRange(value: string): Answer {
  const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(value) ?? [];
  const good = from !== undefined && Number(from) > 0 && Number(from) <= Number(to) && Number(to) <= 65_535;
  return good ? undefined : "two ports like 30000-32767";
}

export function domain(value: string): Answer {
  return value.length <= 253 && value.split(".").every((part) => label63.test(part))
    ? undefined
    : "a DNS name of small letters, digits, dashes and dots";
}

export function dnsLabel(value: string): Answer {
  return domain(value);
}

export function fileMode(value: string): Answer {
  return /^0?[0-7]{3}$/.test(value) ? undefined : "an octal file mode like 0600";
}

export function url(value: string): Answer {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  const bare =
    parsed && parsed.pathname === "/" && parsed.search === "" && parsed.hash === "" && parsed.username === "";
  return parsed?.protocol === "https:" && bare ? undefined : "an https URL like https://192.0.2.1:6443";
}

export function label(value: string): Answer {
  const [key = "", text, rest] = value.split("=");
  return text !== undefined && rest === undefined && qualifiedName(key) && (text === "" || labelName.test(text))
    ? undefined
    : "a label like example.com/disk=ssd";
}

export function taint(value: string): Answer {
  const [, pair = ""] = /^([^:]+):(?:NoSchedule|PreferNoSchedule|NoExecute)$/.exec(value) ?? [];
  return pair !== "" && label(pair.includes("=") ? pair : `${pair}=`) === undefined
    ? undefined
    : "a taint like key=value:NoSchedule";
}

function qualifiedName(key: string): boolean {
  const [prefix, name, rest] = key.includes("/") ? key.split("/") : [undefined, key];
  return rest === undefined && (prefix === undefined || domain(prefix) === undefined) && labelName.test(name ?? "");
}
