import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

// What Linux says about a process (proc(5)): the benchmarks that need it run there only.

const ticksPerSecond = 100; // USER_HZ: what /proc counts in on every Linux, whatever the kernel's own tick
const pageBytes = Number(execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" }));

/** Fields of /proc/PID/stat from the third on: the second is the name, which may hold anything, in parentheses. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Processor time of all threads so far, in user and kernel mode, µs. Resolution 10 ms. */
export function cpuTimeUs(pid: number): number {
  const fields = statFields(pid);
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

/** Resident set, bytes. */
export function residentBytes(pid: number): number {
  return Number(statFields(pid)[21]) * pageBytes;
}

/** The workerd processes that this process started and that still run. */
export function ownWorkerds(): Set<number> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Set(pids.map(Number).filter(isOwnWorkerd));
}

function isOwnWorkerd(pid: number): boolean {
  try {
    return Number(statFields(pid)[1]) === process.pid && readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("workerd");
  } catch {
    // It ended while the list was read.
    return false;
  }
}
