import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from "yaml";

/** Puts `text` in the place of the characters [from, to). */
export interface Edit {
  from: number;
  to: number;
  text: string;
}

/**
 * Edits of a YAML or JSON text at the places of its nodes: whatever they do not touch stays as it is, to the byte. An edit that cannot
 * be made is null; what it came to must be read again, since aliases and odd layouts may give it another meaning.
 */
export class YamlEdit {
  readonly #text: string;
  readonly #document: Document.Parsed<ParsedNode>;
  readonly #newline: string;
  /** JSON and the like: keys are quoted, items are on one line. */
  readonly isFlow: boolean;

  constructor(text: string) {
    this.#text = text;
    this.#document = parseDocument(text, { uniqueKeys: false, stringKeys: true, logLevel: "silent" });
    this.#newline = text.includes("\r\n") ? "\r\n" : "\n";
    this.isFlow = isCollection(this.#document.contents) && this.#document.contents.flow === true;
  }

  node(path: readonly (string | number)[]): Node | undefined {
    const node = path.length === 0 ? this.#document.contents : this.#document.getIn(path, true);
    return (node ?? undefined) as Node | undefined;
  }

  replace(node: Node | undefined, text: string): Edit | null {
    const range = node?.range;
    return isScalar(node) && range ? { from: range[0], to: range[1], text } : null;
  }

  /** One more item, after the last. */
  appendItem(seq: Node | undefined, item: string): Edit | null {
    if (!isSeq(seq)) return null;
    return seq.flow ? this.#intoBrackets(seq, seq.items.at(-1), item) : this.#lineAfter(seq, `- ${item}`);
  }

  /** One more key, after the last. */
  appendPair(map: Node | undefined, key: string, value: string): Edit | null {
    if (!isMap(map)) return null;
    const gap = value.startsWith("\n") ? "" : " ";
    const pair = `${this.isFlow ? JSON.stringify(key) : key}:${gap}${value.replaceAll("\n", this.#newline)}`;
    return map.flow ? this.#intoBrackets(map, lastOf(map), pair) : this.#lineAfter(map, pair);
  }

  #intoBrackets({ range }: Node, last: unknown, text: string): Edit | null {
    const end = (last as Node | undefined)?.range?.[1];
    if (!range || (last !== undefined && end === undefined)) return null;
    const at = end ?? range[0] + 1;
    return { from: at, to: at, text: last === undefined ? text : `, ${text}` };
  }

  #lineAfter(collection: Node, text: string): Edit | null {
    const start = collection.range?.[0];
    const leaf = deepestLast(collection)?.range?.[1];
    if (start === undefined || leaf === undefined) return null;
    const indent = " ".repeat(start - 1 - this.#text.lastIndexOf("\n", start - 1));
    // A comment behind the last item stays with it. A block scalar's end is behind its line end.
    const lineEnd = this.#text[leaf - 1] === "\n" ? leaf - 1 : this.#text.indexOf("\n", leaf);
    if (lineEnd < 0) return { from: this.#text.length, to: this.#text.length, text: `${this.#newline}${indent}${text}` };
    return { from: lineEnd + 1, to: lineEnd + 1, text: `${indent}${text}${this.#newline}` };
  }
}

function lastOf({ items }: YAMLMap): unknown {
  const pair = items.at(-1);
  return pair?.value ?? pair?.key;
}

/** What ends a block collection: what stands in its last line. */
function deepestLast(node: Node): Node | undefined {
  if (!isCollection(node) || node.flow) return node;
  const last: unknown = node.items.at(-1);
  const inner = isPair(last) ? (last.value ?? last.key) : last;
  return inner === undefined || inner === null ? undefined : deepestLast(inner as Node);
}

/** @param edits that do not overlap; those of one place in the order in which they are to stand */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const lastFirst = edits.toReversed().sort((a, b) => b.from - a.from);
  return lastFirst.reduce((done, { from, to, text: put }) => done.slice(0, from) + put + done.slice(to), text);
}

/** Edits of the same lines, and the lines: [from, to), with the line end. */
interface Hunk {
  from: number;
  to: number;
  edits: Edit[];
}

/** What edits change, as `diff` shows it: lines with `-` before, with `+` after, under the number of the first. */
export function changedLines(text: string, edits: readonly Edit[]): string {
  const shown = hunks(text, edits).flatMap(({ from, to, edits: own }) => {
    const moved = own.map((edit) => ({ ...edit, from: edit.from - from, to: edit.to - from }));
    const before = linesOf(text.slice(from, to));
    const after = linesOf(applyEdits(text.slice(from, to), moved));
    // A line that only got a line end is the same.
    const kept = before.length > 0 && before[0] === after[0] ? 1 : 0;
    const first = linesOf(text.slice(0, from)).length + 1 + kept;
    return [
      `@@ line ${first} @@`,
      ...before.slice(kept).map((line) => `-${line}`),
      ...after.slice(kept).map((line) => `+${line}`),
    ];
  });
  return shown.join("\n");
}

function hunks(text: string, edits: readonly Edit[]): Hunk[] {
  const all: Hunk[] = [];
  for (const edit of edits.toSorted((a, b) => a.from - b.from)) {
    const from = text.lastIndexOf("\n", edit.from - 1) + 1;
    // Whole lines that are put in change none of those that stand.
    const isLine = edit.from === from && edit.to === from && edit.text.endsWith("\n");
    const next = text.indexOf("\n", edit.to);
    const to = isLine ? from : next < 0 ? text.length : next + 1;
    const last = all.at(-1);
    if (last !== undefined && last.from === from) {
      last.edits.push(edit);
      last.to = Math.max(last.to, to);
    } else all.push({ from, to, edits: [edit] });
  }
  return all;
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}
