/**
 * Quantities as numbers, and what they become in a control group.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
import { own } from "#base/own.ts";
import type { Container } from "#resources/core/container.ts";

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A quantity's value; the API server has checked its form. Undefined and unreadable text count as 0. */
export function amountOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const match = /^([+-]?[0-9.]+)(?:[eE]([+-]?\d+)|([a-zA-Z]{0,2}))$/.exec(text);
  if (!match) return 0;
  const [, digits = "0", exponent, suffix = ""] = match;
  return exponent === undefined ? Number(digits) * (own(suffixes, suffix) ?? 0) : Number(`${digits}e${exponent}`);
}

/** Thousandths, rounded up. */
export function millisOf(text: string | undefined): number {
  if (text === undefined) return 0;
  // Sums such as 0.1 * 1000 may end just above the whole number that is meant.
  return Math.ceil(Number((amountOf(text) * 1000).toFixed(6)));
}

/** Whole units, rounded up. */
export function wholeOf(text: string | undefined): number {
  if (text === undefined) return 0;
  return Math.ceil(Number(amountOf(text).toFixed(6)));
}

export type Amounts = Readonly<Record<string, string>>;

/** A container's request of a resource: the limit stands in for a request that is not given. */
export function requestOf(container: Pick<Container, "resources">, name: string): string | undefined {
  return own(container.resources?.requests, name) ?? own(container.resources?.limits, name);
}

export const cpuPeriodMicros = 100_000;
const sharesMin = 2;
const sharesMax = 262_144;
const quotaMicrosMin = 1_000;

/** `cpu.shares` of cgroup v1 for a request in thousandths of a core. */
export function sharesOf(cpuMillis: number): number {
  return cpuMillis === 0 ? sharesMin : Math.min(Math.max(Math.floor((cpuMillis * 1024) / 1000), sharesMin), sharesMax);
}

/** Microseconds of processor time in each period; 0 for no limit. */
export function quotaOf(cpuMillis: number): number {
  return cpuMillis === 0 ? 0 : Math.max(Math.floor((cpuMillis * cpuPeriodMicros) / 1000), quotaMicrosMin);
}
