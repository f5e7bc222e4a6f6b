/** The real machine in the kubelet's words, for tests that run pods: the one the product gives it. */
export { machineOf as testMachine } from "#distro/machine.ts";
