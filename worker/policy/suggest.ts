import { quoted } from "./problem.ts";

/** The known name that `text` was probably meant to be, or null. */
export function suggest(text: string, known: Iterable<string>): string | null {
  const limit = Math.max(1, Math.floor(text.length / 3));
  let best: string | null = null;
  let bestDistance = limit + 1;
  if (text.length > 64) return null; // no typo, and the distance costs its length times each name's
  for (const name of known) {
    if (Math.abs(name.length - text.length) > limit) continue;
    const distance = editDistance(text.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** `; did you mean "x"?`, or "" where nothing is near. */
export function didYouMean(text: string, known: Iterable<string>): string {
  const name = suggest(text, known);
  return name === null ? "" : `; did you mean ${quoted(name)}?`;
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost 1. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
