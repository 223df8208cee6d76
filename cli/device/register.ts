/** As many rows as the API takes at once, and as many bytes. */
const MOST_ROWS = 1000;
const MOST_BYTES = 1_000_000;

/** Rows of one request. */
export interface Batch {
  /** Where each row's line stands in the file, from 1; null = they come from no file. */
  numbers: number[] | null;
  lines: string[];
}

/** A file of one JSON object a line, cut into what the API takes at once. */
export function batches(text: string): Batch[] {
  const found: Batch[] = [];
  let bytes = 0;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const size = Buffer.byteLength(line) + 1;
    let last = found.at(-1);
    if (last === undefined || last.lines.length === MOST_ROWS || bytes + size > MOST_BYTES) {
      last = { numbers: [], lines: [] };
      found.push(last);
      bytes = 0;
    }
    last.numbers?.push(index + 1);
    last.lines.push(line);
    bytes += size;
  }
  return found;
}

interface Answer {
  made: number;
  updated: number;
  unchanged: number;
  errors: { row: number; code: string; path: string; message: string }[];
}

/** Prints what became of a batch. @returns how many rows were not taken */
export function printBatch({ numbers }: Batch, body: unknown): number {
  const { made, updated, unchanged, errors } = body as Answer;
  console.log(`${made} registered, ${updated} updated, ${unchanged} unchanged, ${errors.length} not taken`);
  for (const { row, code, path, message } of errors) {
    const at = numbers === null ? "" : `line ${numbers[row] ?? "?"}: `;
    console.error(`${at}${path === "" ? "" : `${path}: `}${message} (${code})`);
  }
  return errors.length;
}
