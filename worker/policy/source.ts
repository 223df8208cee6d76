import type { Document, LineCounter, ParsedNode, YAMLError, YAMLMap } from "yaml";
import type { Finding, Locate, Place, PolicyPath } from "./problem.ts";

export const MAX_POLICY_BYTES = 1 << 20;
const MAX_ALIASES = 100;

/** What a YAML or JSON text holds, with the places of its parts. */
export type Source = { ok: true; data: unknown; locate: Locate } | { ok: false; findings: Finding[]; locate: Locate };

type Yaml = typeof import("yaml");
type Parsed = Document.Parsed<ParsedNode>;

/** A text under reading. */
interface Reading {
  yaml: Yaml;
  document: Parsed;
  lines: LineCounter;
}

/**
 * Reads one document of YAML 1.2 (of which JSON is a part), within bounds: 1 MiB, 100 aliases and what they may multiply,
 * the parser's own depth. No message quotes the text, which may hold a secret. The parser is loaded on first use, because
 * a Worker's start-up time counts.
 *
 * Errors: yaml_too_large, yaml_too_deep, yaml_alias_limit, yaml_alias_unknown, yaml_duplicate_key, yaml_tag, yaml_version,
 * yaml_syntax.
 */
export async function readSource(text: string): Promise<Source> {
  if (new TextEncoder().encode(text).length > MAX_POLICY_BYTES) {
    const expected = `at most ${MAX_POLICY_BYTES} bytes`;
    const finding = { path: [], code: "yaml_too_large", message: "this policy is too large", expected, found: "more" };
    return { ok: false, findings: [finding], locate: () => null };
  }
  const reading = await parseYaml(text);
  const locate: Locate = (path) => placeOf(reading, path);
  const syntax = syntaxFindings(reading);
  const findings = syntax.length > 0 ? syntax : structureFindings(reading);
  if (findings.length > 0) return { ok: false, findings, locate };
  try {
    return { ok: true, data: reading.document.toJS({ maxAliasCount: MAX_ALIASES }), locate };
  } catch {
    return { ok: false, findings: [aliasLimit], locate }; // it says "too many expansions" by throwing
  }
}

async function parseYaml(text: string): Promise<Reading> {
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  // The parser's own search for duplicate keys takes quadratic time: structureFindings has one that does not.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: true, logLevel: "error" } as const;
  return { yaml, document: yaml.parseDocument(text, options), lines };
}

const aliasLimit: Finding = {
  path: [],
  code: "yaml_alias_limit",
  message: "this policy's aliases multiply it too much",
  expected: `at most ${MAX_ALIASES} aliases`,
  found: "more",
};

const syntaxMessages: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  BAD_INDENT: "the indentation does not fit the lines around it",
  TAB_AS_INDENT: "YAML is indented with blanks, not tabs",
  MISSING_CHAR: "a closing quote, bracket, comma or colon is missing",
  MULTIPLE_DOCS: "a policy is one YAML document",
  NON_STRING_KEY: "keys are texts",
  BAD_SCALAR_START: "a text that starts so needs quotes",
  UNEXPECTED_TOKEN: "this does not belong here",
  BLOCK_AS_IMPLICIT_KEY: "a mapping cannot start on the line of its key",
};

/** Of a text that is nested too deeply only that is said: the parser stumbles over all that follows. */
function syntaxFindings(reading: Reading): Finding[] {
  const { errors, warnings } = reading.document;
  const tooDeep = errors.find(({ code }) => code === "RESOURCE_EXHAUSTION");
  if (tooDeep !== undefined) return [syntaxFinding(reading, tooDeep)];
  const tags = warnings.map(({ pos }) => ({ ...strayTag, place: placeAt(reading.lines, pos[0]) }));
  return [...errors.map((error) => syntaxFinding(reading, error)), ...tags];
}

/** The parser's own messages may quote the text, so ours stand instead. */
function syntaxFinding({ lines }: Reading, error: YAMLError): Finding {
  const tooDeep = error.code === "RESOURCE_EXHAUSTION";
  const message = tooDeep ? "this policy is nested too deeply" : (syntaxMessages[error.code] ?? "this is not YAML");
  const expected = tooDeep ? "a policy as its schema describes it" : "YAML or JSON";
  return {
    path: [],
    place: placeAt(lines, error.pos[0]),
    code: tooDeep ? "yaml_too_deep" : "yaml_syntax",
    message,
    expected,
    found: error.code,
  };
}

const strayTag = { path: [], code: "yaml_tag", message: "tags have no meaning in a policy", expected: "no tag", found: "a tag" };
const otherVersion = { path: [], code: "yaml_version", message: "this is YAML of another version", expected: "YAML 1.2" };
const unknownAlias = {
  path: [],
  code: "yaml_alias_unknown",
  message: "this alias names no anchor before it",
  expected: "an anchor's name",
  found: "another name",
};
const duplicateKey = {
  path: [],
  code: "yaml_duplicate_key",
  message: "this key stands here twice",
  expected: "each key once",
  found: "another",
};

/** What the parser lets pass, but a policy must not hold. */
function structureFindings({ yaml, document, lines }: Reading): Finding[] {
  const findings: Finding[] = [];
  const placeOfNode = (node: unknown) => placeAt(lines, (yaml.isNode(node) ? node.range?.[0] : undefined) ?? 0);
  const { version } = document.directives.yaml;
  if (version !== "1.2") findings.push({ ...otherVersion, place: placeOfNode(null), found: `YAML ${version}` });
  const anchors = new Set<string>();
  let aliases = 0;
  yaml.visit(document, (_, node) => {
    if (yaml.isAlias(node)) {
      if (!anchors.has(node.source)) findings.push({ ...unknownAlias, place: placeOfNode(node) });
      return ++aliases > MAX_ALIASES ? yaml.visit.BREAK : undefined;
    }
    if (!yaml.isNode(node)) return undefined;
    if (node.anchor !== undefined) anchors.add(node.anchor);
    if (node.tag !== undefined && !standardTags.has(node.tag)) findings.push({ ...strayTag, place: placeOfNode(node) });
    if (yaml.isMap(node)) for (const key of repeatedKeys(yaml, node)) findings.push({ ...duplicateKey, place: placeOfNode(key) });
    return undefined;
  });
  return aliases > MAX_ALIASES ? [...findings, aliasLimit] : findings;
}

function repeatedKeys(yaml: Yaml, { items }: YAMLMap): unknown[] {
  const seen = new Set<unknown>();
  return items.flatMap(({ key }) => {
    const text = yaml.isScalar(key) ? key.value : key;
    if (seen.has(text)) return [key];
    seen.add(text);
    return [];
  });
}

/** What the parser itself gives to nodes, and what they may say without changing anything. */
const standardTags: ReadonlySet<string> = new Set(
  ["map", "seq", "str", "int", "float", "bool", "null"].map((name) => `tag:yaml.org,2002:${name}`),
);

/** A key's place for a key, an item's for an index; the nearest container's for what is not there. */
function placeOf({ yaml, document, lines }: Reading, path: PolicyPath): Place | null {
  let node: unknown = document.contents;
  let at: unknown = node;
  for (const step of path) {
    if (yaml.isAlias(node)) node = node.resolve(document);
    if (yaml.isMap(node)) {
      const pair = node.items.find(({ key }) => (yaml.isScalar(key) ? key.value : key) === step);
      if (pair === undefined) break;
      [at, node] = [pair.key, pair.value];
    } else if (yaml.isSeq(node) && typeof step === "number" && step in node.items) {
      node = node.items[step];
      at = node;
    } else break;
  }
  const start = yaml.isNode(at) ? at.range?.[0] : undefined;
  return start === undefined ? null : placeAt(lines, start);
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
