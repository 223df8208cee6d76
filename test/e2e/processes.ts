import { readdirSync, readFileSync } from "node:fs";

export interface Running {
  pid: number;
  name: string;
}

/** Every process below `root`, from /proc: what a test started, and nothing else. */
export function descendants(root: number): Running[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const stats = all.flatMap((pid) => readStat(Number(pid)));
  const found: Running[] = [];
  const parents = [root];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const stat of stats.filter((candidate) => candidate.parent === parent)) {
      found.push({ pid: stat.pid, name: stat.name });
      parents.push(stat.pid);
    }
  }
  return found;
}

/** A process that has ended but was not waited for is over too. */
export function isRunning(pid: number): boolean {
  return readStat(pid).some((stat) => stat.state !== "Z");
}

/** Program and arguments, separated by blanks; "" once it has ended. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** proc(5): pid (name) state parent … */
function readStat(pid: number): (Running & { state: string; parent: number })[] {
  try {
    const [, name = "", state = "", parent = ""] =
      /^\d+ \((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return [{ pid, name, state, parent: Number(parent) }];
  } catch {
    return [];
  }
}

/** Memory that a process occupies now, bytes. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no VmRSS`);
  return Number(kilobytes) * 1024;
}
