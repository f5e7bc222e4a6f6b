/**
 * Rules that an earlier kedge wrote into default roles and that gave too much, by the role's name. Reconciliation only
 * adds, since what is there may be somebody's own; these were ours, and are taken away again where they stand exactly so.
 */
import { rule, type DefaultRules } from "./role-table.ts";

export const withdrawnRules: ReadonlyMap<string, DefaultRules> = new Map([
  // Every signer, that of the API server's own clients among them.
  ["system:controller:certificate-controller", [rule("approve sign", "certificates.k8s.io", "signers")]],
]);
