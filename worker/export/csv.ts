export type CsvCell = string | number;

/** What a spreadsheet takes for the beginning of a formula, full-width twins included (OWASP, CSV Injection). */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;

/**
 * Rows as CSV (RFC 4180): CRLF, each text in quotes, quotes doubled. A text that a spreadsheet would run as a formula has an
 * apostrophe before it: these texts are the callers' own.
 */
export function csvText(rows: readonly (readonly CsvCell[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: CsvCell): string {
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return `"${text.replaceAll('"', '""')}"`;
}

/** An instant as RFC 3339 text, "" for none: spreadsheets read it, and it sorts. */
export function csvTime(ms: number | null): string {
  return ms === null ? "" : new Date(ms).toISOString();
}

/** Says that it is a file; where there is more behind it, `Link` says at which address (RFC 8288). */
export function csvHeaders(name: string, next: string | null): Record<string, string> {
  return {
    "Content-Type": "text/csv; charset=utf-8; header=present",
    "Content-Disposition": `attachment; filename="${name}"`,
    ...(next !== null && { Link: `<${next}>; rel="next"` }),
  };
}
