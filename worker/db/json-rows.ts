/** Characters of JSON in one bound parameter: D1 takes 2 MB, and a UTF-16 unit is at most 3 bytes of UTF-8. */
const PARAMETER_CHARACTERS = 500_000;

/**
 * SQL that inserts many rows from ONE parameter: a JSON array of arrays in the order of `columns` (D1 binds at most 100
 * parameters a statement). `table`, `columns` and `conflict` are constants of this folder, never input.
 */
export function insertFromJson(table: string, columns: readonly string[], conflict: string): string {
  const values = columns.map((_, index) => `value ->> ${index}`).join(", ");
  // WHERE true keeps SQLite's parser from reading ON CONFLICT as a join constraint (lang_upsert.html §2.2).
  return `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${values} FROM json_each(?1) WHERE true ${conflict}`;
}

/** Rows as JSON parameters, each within D1's size of a parameter. No rows, no parameters. */
export function jsonParameters(rows: readonly (readonly unknown[])[]): string[] {
  const parameters: string[] = [];
  let items: string[] = [];
  let characters = 0;
  for (const row of rows) {
    const item = JSON.stringify(row);
    if (characters + item.length > PARAMETER_CHARACTERS && items.length > 0) {
      parameters.push(`[${items.join(",")}]`);
      items = [];
      characters = 0;
    }
    items.push(item);
    characters += item.length + 1;
  }
  if (items.length > 0) parameters.push(`[${items.join(",")}]`);
  return parameters;
}
