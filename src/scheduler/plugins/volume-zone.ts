/** A volume that says its zone or region is used there only. */
import { own } from "#base/own.ts";
import type { PersistentVolume } from "#resources/core/persistent-volume.ts";
import { check, unresolvable, type Filter, type Hint } from "../plugin.ts";

/** Labels of a place, each with its older name. */
const placeLabels: Readonly<Record<string, string>> = {
  "topology.kubernetes.io/zone": "failure-domain.beta.kubernetes.io/zone",
  "topology.kubernetes.io/region": "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
};
// Between the zones of a volume that is in several.
const delimiter = "__";

interface Place {
  readonly label: string;
  readonly values: readonly string[];
}

export const volumeZone: Filter = ({ claims }, { related }) => {
  const places = claims.flatMap((key) => {
    const volume = related.volume(related.claim(key)?.spec.volumeName ?? "");
    return volume ? placesOf(volume) : [];
  });
  if (places.length === 0) return undefined;
  return check(({ labels }) => {
    // A node that says no place at all is anywhere.
    if (Object.keys(placeLabels).every((label) => own(labels, label) === undefined)) return undefined;
    const isThere = ({ label, values }: Place): boolean =>
      values.includes(own(labels, label) ?? own(labels, own(placeLabels, label) ?? "") ?? "");
    return places.every(isThere) ? undefined : unresolvable("node(s) had no available volume zone");
  });
};

function placesOf({ metadata }: PersistentVolume): Place[] {
  return Object.keys(placeLabels).flatMap((label) => {
    const value = own(metadata.labels, label);
    return value === undefined ? [] : [{ label, values: value.split(delimiter) }];
  });
}

export const volumeZoneHint: Hint = (_, event) => event.kind === "storage" || event.kind === "node";
