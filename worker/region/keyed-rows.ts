/** Name that stands for operations (or services) folded together because they did not fit. */
export const OTHER = "(other)";
export const ANY_METHOD = "*";

/** What every telemetry row is keyed by, whatever it counts. */
export interface OperationKey {
  minute: number;
  region: string;
  service: string;
  method: string;
  operation: string;
}

/** How rows of one kind are told apart and summed. */
export interface RowKind<Row extends OperationKey> {
  key(row: Row): string;
  /** Adds `from`'s counts to `into`. */
  add(into: Row, from: Row): void;
  /** A row of its own, so that sums never reach into what was handed in. */
  copy(row: Row): Row;
}

/** Coarser and coarser: each level loses detail of time or name, never a count. */
export const COARSEST = 4;

/** `row` with less detail. Level 1: quarter hours; 2: hours; 3: and operations of a service as one; 4: days, all services as one. */
export function coarsen<Row extends OperationKey>(row: Row, level: number): Row {
  const minutes = [1, 15, 60, 60, 1440][level] ?? 1440;
  const minute = row.minute - (row.minute % minutes);
  if (level < 3) return { ...row, minute };
  const other = { ...row, minute, method: ANY_METHOD, operation: OTHER };
  return level < 4 ? other : { ...other, service: OTHER };
}

/**
 * A bounded table of sums. When it is full, rows of new keys go to the operation "(other)" of their service; when those do not
 * fit either, the whole table is folded. So it may lose detail under any load, but never a request.
 */
export class KeyedRows<Row extends OperationKey> {
  readonly #kind: RowKind<Row>;
  readonly #capacity: number;
  #rows = new Map<string, Row>();
  /** Rows that lost detail because the table was full. */
  folded = 0;

  /** `capacity` rows with their full names; an eighth more for "(other)". */
  constructor(kind: RowKind<Row>, capacity: number) {
    this.#kind = kind;
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#rows.size;
  }

  rows(): Row[] {
    return [...this.#rows.values()];
  }

  add(row: Row): void {
    if (this.#put(row, this.#capacity)) return;
    this.folded++;
    const other = { ...row, method: ANY_METHOD, operation: OTHER };
    for (let level = 1; !this.#put(other, this.#capacity * 1.125); level++) this.#fold(level);
  }

  /** Rows at the finest level at which at most `most` remain; null when even the coarsest has more. */
  fit(rows: readonly Row[], most: number): Row[] | null {
    for (let level = 0; level <= COARSEST; level++) {
      const table = group(this.#kind, rows, level);
      if (table.size <= most) return [...table.values()];
    }
    return null;
  }

  /** Removes these rows (by key). */
  remove(rows: readonly Row[]): void {
    for (const row of rows) this.#rows.delete(this.#kind.key(row));
  }

  #put(row: Row, most: number): boolean {
    const key = this.#kind.key(row);
    const standing = this.#rows.get(key);
    if (standing) this.#kind.add(standing, row);
    else if (this.#rows.size < most) this.#rows.set(key, this.#kind.copy(row));
    else return false;
    return true;
  }

  #fold(level: number): void {
    // Beyond the coarsest level keys are days × verdicts × reasons: hundreds, so a full table always shrinks before this.
    if (level > COARSEST) throw new Error("a table of sums cannot be folded further");
    this.#rows = group(this.#kind, this.rows(), level);
  }
}

function group<Row extends OperationKey>(kind: RowKind<Row>, rows: readonly Row[], level: number): Map<string, Row> {
  const table = new Map<string, Row>();
  for (const row of rows) {
    const coarse = level === 0 ? row : coarsen(row, level);
    const key = kind.key(coarse);
    const standing = table.get(key);
    if (standing) kind.add(standing, coarse);
    else table.set(key, kind.copy(coarse));
  }
  return table;
}
