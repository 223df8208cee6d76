import { type PolicyRow, selectNewestPolicy } from "../db/policies.ts";
import type {
  PrincipalCursor,
  PrincipalFilter,
  PrincipalOperationRow,
  PrincipalOrder,
  PrincipalRow,
} from "../db/principal-rows.ts";
import { countPrincipals, selectOperationsOf, selectPrincipals } from "../db/principals-read.ts";
import { type Finding, findingsOf } from "./privilege-findings.ts";
import { type PrivilegePolicy, readPrivilegePolicy } from "./privilege-policy.ts";
import { type Caller, type Watch, type WatchWindow, watchOf } from "./privileges.ts";

/** Rows that are read at once, and callers that one request looks through at most: findings are known only once they are judged. */
const BATCH = 250;
export const MOST_SCANNED = 2500;

type Reader = Pick<D1Database, "prepare" | "batch">;

export interface JudgedCaller extends Caller {
  watch: Watch;
  findings: Finding[];
}

export interface Scan {
  filter: PrincipalFilter;
  order: PrincipalOrder;
  cursor: PrincipalCursor | null;
  window: WatchWindow;
  /** Which callers are wanted, of those that the filter lets through. */
  wants: (judged: JudgedCaller) => boolean;
  /** How many at most. */
  most: number;
}

export interface Scanned {
  found: JudgedCaller[];
  scanned: number;
  /** Where to go on; null = all were looked through. */
  next: PrincipalCursor | null;
}

/** Looks callers through until enough are found, there are no more, or MOST_SCANNED were looked at. */
export async function scanPrincipals(db: Reader, policy: PrivilegePolicy, scan: Scan, nowMs: number): Promise<Scanned> {
  const found: JudgedCaller[] = [];
  let { cursor } = scan;
  for (let scanned = 0; ; ) {
    const limit = Math.min(scanned === 0 ? scan.most : BATCH, BATCH, MOST_SCANNED - scanned);
    const { results } = await selectPrincipals(db, scan.filter, scan.order, cursor, limit + 1, nowMs).all<KeyedRow>();
    const rows = results.slice(0, limit);
    for (const [index, judged] of (await judge(db, rows, policy, scan.window, nowMs)).entries()) {
      scanned++;
      cursor = cursorOf(judged.row);
      if (scan.wants(judged)) found.push(judged);
      const isLast = index === rows.length - 1 && results.length <= limit;
      if (isLast) return { found, scanned, next: null };
      if (found.length === scan.most || scanned === MOST_SCANNED) return { found, scanned, next: cursor };
    }
    if (rows.length === 0) return { found, scanned, next: null };
  }
}

type KeyedRow = PrincipalRow & { key: number | string };

function cursorOf(row: PrincipalRow): PrincipalCursor {
  const { key, authenticator, principal } = row as KeyedRow;
  return { key, authenticator, principal };
}

/** Callers with their operations, and what is to be said of them. */
export async function judge(
  db: Reader,
  rows: readonly PrincipalRow[],
  policy: PrivilegePolicy,
  window: WatchWindow,
  nowMs: number,
): Promise<JudgedCaller[]> {
  if (rows.length === 0) return [];
  const { results } = await selectOperationsOf(db, rows).all<PrincipalOperationRow>();
  const operations = Map.groupBy(results, nameOf);
  return rows.map((row) => {
    const caller = { row, operations: operations.get(nameOf(row)) ?? [] };
    const watch = watchOf(caller, policy, window);
    return { ...caller, watch, findings: findingsOf(caller, policy, watch, nowMs) };
  });
}

const nameOf = ({ authenticator, principal }: { authenticator: string; principal: string }) => `${authenticator} ${principal}`;

/** The policy in force, and how many callers the filter lets through. */
export async function readPolicyAndCount(db: Reader, filter: PrincipalFilter) {
  const [policy, count] = await db.batch([selectNewestPolicy(db), countPrincipals(db, filter)]);
  const row = policy?.results[0] as PolicyRow | undefined;
  const { callers } = (count?.results[0] ?? { callers: 0 }) as { callers: number };
  return { policy: readPrivilegePolicy(row?.meta ?? null), callers };
}
