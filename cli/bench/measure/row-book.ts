import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface RowBook {
  /** Rows that the Region object was billed for by D1 today, as it wrote down. */
  billed: number;
  /** Rows in D1's telemetry tables now. */
  standing: number;
}

const billedSql = readFileSync(new URL("billed-rows.sql", import.meta.url), "utf8");
const standingSql = readFileSync(new URL("standing-rows.sql", import.meta.url), "utf8");

/** Reads the databases of a Picket with one region that has been stopped. */
export function readRowBook(statePath: string): RowBook {
  const files = readdirSync(statePath, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".sqlite"));
  const paths = files.map((name) => join(statePath, name));
  return { billed: oneNumber(paths, "documents", billedSql), standing: oneNumber(paths, "rollups", standingSql) };
}

/** What `sql` answers in the database that has `table`. */
function oneNumber(paths: readonly string[], table: string, sql: string): number {
  for (const path of paths) {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const found = database.prepare(`PRAGMA table_info(${table})`).all().length > 0;
      if (found) return Number(Object.values(database.prepare(sql).get() ?? {})[0]);
    } finally {
      database.close();
    }
  }
  throw new Error(`none of ${paths.length} databases has a table ${table}`);
}
