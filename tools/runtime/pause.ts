/**
 * The pause program, written down as machine code, since a user's machine has no compiler: it lets the kernel reap its
 * children, waits for a signal to end, and ends. Two pages of memory, no library.
 */

const baseAddress = 0x400000n;
const fileHeaderBytes = 64;
const programHeaderBytes = 56;
const codeStart = fileHeaderBytes + programHeaderBytes;

// System V AMD64 system calls: number in eax; arguments in rdi, rsi, rdx, r10.
const rtSigaction = 13;
const rtSigprocmask = 14;
const exit = 60;
const rtSigtimedwait = 128;
const sigchld = 17;
const setBytes = 8;

const syscall = [0x0f, 0x05];
const loadEax = (value: number): number[] => [0xb8, ...u32(value)];
const loadEdi = (value: number): number[] => [0xbf, ...u32(value)];
const loadR10d = (value: number): number[] => [0x41, 0xba, ...u32(value)];
const zeroEdi = [0x31, 0xff];
const zeroEsi = [0x31, 0xf6];
const zeroEdx = [0x31, 0xd2];
// lea with an address relative to the next instruction; the four bytes are filled in when the data's place is known.
const leaRsi = [0x48, 0x8d, 0x35];
const leaRdi = [0x48, 0x8d, 0x3d];

/** The program as a static ELF file for x86-64. */
export function pauseProgram(): Uint8Array {
  const code: number[] = [];
  const fixups: { readonly at: number; readonly label: "ignore" | "set" }[] = [];
  const address = (opcode: readonly number[], label: "ignore" | "set"): void => {
    code.push(...opcode);
    fixups.push({ at: code.length, label });
    code.push(0, 0, 0, 0);
  };

  // rt_sigaction(SIGCHLD, ignore): children of a pod that shares its process namespace vanish when they end.
  code.push(...loadEax(rtSigaction), ...loadEdi(sigchld));
  address(leaRsi, "ignore");
  code.push(...zeroEdx, ...loadR10d(setBytes), ...syscall);
  // rt_sigprocmask(SIG_BLOCK, set): a blocked signal reaches the first process of a namespace and stays for the wait.
  code.push(...loadEax(rtSigprocmask), ...zeroEdi);
  address(leaRsi, "set");
  code.push(...zeroEdx, ...loadR10d(setBytes), ...syscall);
  // rt_sigtimedwait(set) until it names a signal.
  const loop = code.length;
  code.push(...loadEax(rtSigtimedwait));
  address(leaRdi, "set");
  code.push(...zeroEsi, ...zeroEdx, ...loadR10d(setBytes), ...syscall);
  code.push(0x85, 0xc0, 0x7e); // test eax, eax; jle loop
  code.push((loop - (code.length + 1)) & 0xff);
  code.push(...loadEax(exit), ...zeroEdi, ...syscall);

  while (code.length % 8 !== 0) code.push(0x90);
  // The kernel's struct sigaction: handler SIG_IGN, flags, restorer, mask.
  const labels = { ignore: code.length, set: code.length + 32 };
  code.push(1, ...Array.from<number>({ length: 31 }).fill(0));
  // SIGINT (2) and SIGTERM (15), each at its number minus one.
  code.push(...u32((1 << 1) | (1 << 14)), ...u32(0));
  for (const { at, label } of fixups) code.splice(at, 4, ...u32(labels[label] - (at + 4)));
  return Buffer.concat([headers(code.length), Uint8Array.from(code)]);
}

function headers(codeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(codeStart);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(2, 16); // an executable
  bytes.writeUInt16LE(62, 18); // x86-64
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(baseAddress + BigInt(codeStart), 24); // entry
  bytes.writeBigUInt64LE(BigInt(fileHeaderBytes), 32); // program headers
  bytes.writeUInt16LE(fileHeaderBytes, 52);
  bytes.writeUInt16LE(programHeaderBytes, 54);
  bytes.writeUInt16LE(1, 56);
  const size = BigInt(codeStart + codeBytes);
  bytes.writeUInt32LE(1, 64); // load
  bytes.writeUInt32LE(5, 68); // readable, executable
  bytes.writeBigUInt64LE(baseAddress, 80);
  bytes.writeBigUInt64LE(baseAddress, 88);
  bytes.writeBigUInt64LE(size, 96);
  bytes.writeBigUInt64LE(size, 104);
  bytes.writeBigUInt64LE(0x1000n, 112);
  return bytes;
}

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}
