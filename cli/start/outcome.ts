/** What a step of the start gives: a value, or one sentence for the terminal that says what is wrong and what to do. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; message: string };

export function done<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function failed(message: string): { ok: false; message: string } {
  return { ok: false, message };
}

/** The first line of what was thrown: stack traces are for bugs, and the rest of such messages is for the authors of a library. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}
