/** Runs that found a fault once. They are run first, and a fault of the product that one found has a test of its own. */
export const seeds: readonly { readonly plan: string; readonly seed: string; readonly found: string }[] = [
  { plan: "slow", seed: "100", found: "a kubelet that heard late began an ended pod anew: Succeeded became Failed" },
  { plan: "lossy", seed: "101", found: "the same: Failed became Running" },
];
