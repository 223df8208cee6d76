import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { done, failed, type Outcome, reason } from "./outcome.ts";

/** Beyond this size only the schema is read: a whole check would take longer than a start may. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024;

/** Looks into every SQLite file of an earlier run: the runtime would only say that something failed. */
export function checkDatabases(statePath: string): Outcome<null> {
  if (!existsSync(statePath)) return done(null);
  for (const entry of readdirSync(statePath, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".sqlite")) continue;
    const file = join(entry.parentPath, entry.name);
    const fault = databaseFault(file);
    if (fault !== null)
      return failed(`${file} is damaged (${fault}): start with -- --fresh to begin anew (this deletes the data).`);
  }
  return done(null);
}

function databaseFault(file: string): string | null {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    if (statSync(file).size > MAX_CHECKED_BYTES) return null;
    const row = database.prepare("PRAGMA quick_check(1)").get() as { quick_check?: string } | undefined;
    return row?.quick_check === "ok" ? null : (row?.quick_check ?? "no answer").replace(/\s+/g, " ").slice(0, 80);
  } catch (error) {
    return reason(error);
  } finally {
    database?.close();
  }
}
