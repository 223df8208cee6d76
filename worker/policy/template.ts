import { MAX_PATH, MAX_SEGMENTS } from "../../wasm/abi.ts";
import type { Read } from "./quantity.ts";

export type Segment =
  | { kind: "literal"; text: string }
  | { kind: "parameter"; name: string }
  | { kind: "wildcard"; name: string };

/** A path template such as `/fleet/devices/{deviceId}`. "/" has no segments. */
export interface PathTemplate {
  text: string;
  segments: readonly Segment[];
}

const expected = "a path such as /devices/{deviceId} or /files/{path+}: whole segments, {name+} only as the last";

/**
 * What may stand in a literal segment: RFC 3986 pchar without percent-escapes and without ";" (path parameters), because
 * those are what the gateway and an upstream could read differently.
 */
const literal = /^[A-Za-z0-9\-._~!$&'()*+,=:@]+$/;
const name = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/**
 * Reads an operation's path. One "/" at its end is an empty last segment, as in the request that it is to match.
 *
 * Errors: path_malformed, path_too_long, parameter_malformed, parameter_repeated, wildcard_not_last.
 */
export function readTemplate(text: string): Read<PathTemplate> {
  if (!text.startsWith("/")) return refuse("path_malformed", 'a path starts with "/"');
  if (text.length > MAX_PATH) return refuse("path_too_long", `a path has at most ${MAX_PATH} characters`);
  const parts = text === "/" ? [] : text.slice(1).split("/");
  if (parts.length > MAX_SEGMENTS) return refuse("path_too_long", `a path has at most ${MAX_SEGMENTS} segments`);
  const segments: Segment[] = [];
  const names = new Set<string>();
  for (const [i, part] of parts.entries()) {
    const segment = readSegment(part, i === parts.length - 1);
    if (!segment.ok) return segment;
    if (segment.value.kind !== "literal") {
      if (names.has(segment.value.name)) return refuse("parameter_repeated", `{${segment.value.name}} stands here twice`);
      names.add(segment.value.name);
    }
    segments.push(segment.value);
  }
  return { ok: true, value: { text, segments } };
}

function readSegment(part: string, last: boolean): Read<Segment> {
  if (part.startsWith("{") && part.endsWith("}")) return readParameter(part.slice(1, -1), last);
  if (/[{}]/.test(part)) return refuse("parameter_malformed", "a parameter is a whole segment");
  if (part === "" && last) return { ok: true, value: { kind: "literal", text: "" } };
  if (/^\.+$/.test(part)) return refuse("path_malformed", "a segment cannot be dots only: no request path keeps it");
  if (!literal.test(part)) {
    return refuse("path_malformed", 'a segment holds letters, digits and -._~!$&\'()*+,=:@, without "%", ";", "\\" or "//"');
  }
  return { ok: true, value: { kind: "literal", text: part } };
}

function readParameter(text: string, last: boolean): Read<Segment> {
  const wildcard = text.endsWith("+");
  const parameter = wildcard ? text.slice(0, -1) : text;
  if (!name.test(parameter))
    return refuse("parameter_malformed", "a parameter's name is a letter or _, then letters, digits and _");
  if (wildcard && !last) return refuse("wildcard_not_last", `{${text}} can only be the last segment`);
  return { ok: true, value: { kind: wildcard ? "wildcard" : "parameter", name: parameter } };
}

/** A service's path prefix: "/" or "/a/b". Errors: prefix_malformed. */
export function readPrefix(text: string): Read<string> {
  const template = readTemplate(text);
  const plain = template.ok && template.value.segments.every((s) => s.kind === "literal" && s.text !== "");
  if (plain) return { ok: true, value: text };
  const wanted = '"/", or a path such as /fleet without parameters and without "/" at its end';
  return { ok: false, code: "prefix_malformed", expected: wanted, message: "this is not a path prefix" };
}

/** Does every path of the template lie under the prefix, by whole segments? */
export function liesUnder(template: PathTemplate, prefix: string): boolean {
  const wanted = prefix === "/" ? [] : prefix.slice(1).split("/");
  return wanted.every((text, i) => {
    const segment = template.segments[i];
    return segment?.kind === "literal" && segment.text === text;
  });
}

/** The same for two templates that match the same paths: parameters differ by name only. */
export function templateShape(template: PathTemplate): string {
  return template.segments.map((s) => (s.kind === "literal" ? `/${s.text}` : s.kind === "parameter" ? "/{}" : "/{+}")).join("");
}

function refuse(code: string, message: string): { ok: false; code: string; expected: string; message: string } {
  return { ok: false, code, expected, message };
}
