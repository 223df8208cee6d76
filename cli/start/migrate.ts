import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { done, failed, type Outcome, reason } from "./outcome.ts";

/** The part of D1's client that migrations need. */
export interface Database {
  prepare(sql: string): Statement;
  batch(statements: Statement[]): Promise<unknown>;
}

interface Statement {
  bind(...values: unknown[]): Statement;
  all<T>(): Promise<{ results: T[] }>;
  run(): Promise<unknown>;
}

/** As wrangler makes it, so that `wrangler d1 migrations` reads the same table. */
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Applies the files that the database has not seen, in order, each whole or not at all. */
export async function migrate(database: Database, directory: string): Promise<Outcome<null>> {
  try {
    await database.prepare(TABLE).run();
    const { results } = await database.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
    const applied = new Set(results.map((row) => row.name));
    const files = readdirSync(directory).filter((name) => name.endsWith(".sql"));
    for (const name of files.sort()) {
      if (applied.has(name)) continue;
      const sql = readFileSync(join(directory, name), "utf8");
      const note = database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
      await database.batch([database.prepare(sql), note]);
    }
    return done(null);
  } catch (error) {
    return failed(`The database could not be brought up to date (${reason(error)}): start with -- --fresh to begin anew.`);
  }
}
