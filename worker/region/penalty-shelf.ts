import type { PenaltyEntry, PenaltyStore } from "./penalty-box.ts";

/**
 * The penalty box in the object's own storage, so that a restart lets nobody out. Written when a block begins, ends or is lifted, and
 * not with each refusal. As JSON: a principal may be any text, U+0000 included.
 */
export class PenaltyShelf implements PenaltyStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS penalties (key TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID");
  }

  read(): PenaltyEntry[] {
    const rows = this.#sql.exec<{ entry: string }>("SELECT entry FROM penalties ORDER BY key");
    return [...rows].map(({ entry }) => JSON.parse(entry) as PenaltyEntry);
  }

  put(entry: PenaltyEntry): void {
    this.#sql.exec("INSERT OR REPLACE INTO penalties VALUES (?, ?)", entry.key, JSON.stringify(entry));
  }

  forget(key: string): void {
    this.#sql.exec("DELETE FROM penalties WHERE key = ?", key);
  }
}
