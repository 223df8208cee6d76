import * as z from "zod";
import { MAX_ROLES } from "../../wasm/abi.ts";
import { MAX_REFERENCES } from "./bounds.ts";
import { durationPattern, type Read, readDurationMs } from "./quantity.ts";

/** What a custom issue of the schema carries beside zod's own fields. */
export interface IssueParams {
  code: string;
  expected: string;
}

/** An object that refuses unknown keys. Its message is the list of the known ones, from which the problem is made. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? Object.keys(shape).join(", ") : undefined),
  });
}

/** A text that `read` turns into something else, with its own code and expectation when it cannot. */
export function text<T>(
  read: (text: string) => Read<T>,
  meta: { description?: string; pattern?: string; examples?: string[]; enum?: string[] },
) {
  const input = z.string().meta(meta); // on the input: what a transform gives is no part of the published schema
  return input.transform((value, context): T => {
    const result = read(value);
    if (result.ok) return result.value;
    const params: IssueParams = { code: result.code, expected: result.expected };
    context.issues.push({ code: "custom", input: value, message: result.message, params });
    return z.NEVER;
  });
}

export function durationMs(minMs: number, maxMs: number, description: string) {
  return text((input) => readDurationMs(input, minMs, maxMs), { description, pattern: durationPattern, examples: ["30s"] });
}

/** A text of one shape: `expected` says it in words. */
function shaped(pattern: RegExp, expected: string, meta: { description?: string; examples?: string[] }) {
  return z
    .string()
    .regex(pattern, { error: `this is not ${expected}` })
    .meta(meta);
}

export function name(description: string) {
  return shaped(/^[a-z0-9][a-z0-9-]{0,62}$/, "a name: lower-case letters, digits and -, at most 63", { description });
}

export function reference(description: string) {
  return z.array(name("Name.")).max(16).meta({ description });
}

/** RFC 6749 §3.3 scope-token. */
export function scopes(description: string) {
  const token = shaped(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, "a scope: visible ASCII without blanks, quotes or backslashes", {});
  return z.array(token).max(MAX_REFERENCES).meta({ description });
}

const roleText = "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,128}$";

/** As a token's claim has it: names of groups may hold blanks. */
export function roleName() {
  return shaped(new RegExp(roleText), "a role: one line of at most 128 characters", {});
}

export function roles(description: string) {
  return z.array(roleName()).max(MAX_ROLES).meta({ description });
}

/** A media type's name without "application/" and in lower case (RFC 6838 §4.2). */
export function mediaType(description: string) {
  const pattern = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/;
  return shaped(pattern, 'a media type in lower case, without "application/"', { description, examples: ["at+jwt"] });
}

/** A JWK, read whole by `read`. */
export function publicKey<T>(read: (jwk: unknown) => Read<T>, description: string) {
  return z
    .record(z.string(), z.unknown())
    .meta({ description })
    .transform((value, context): T => {
      const result = read(value);
      if (result.ok) return result.value;
      const params: IssueParams = { code: result.code, expected: result.expected };
      context.issues.push({ code: "custom", input: value, message: result.message, params });
      return z.NEVER;
    });
}

/** What a key or caller is called in logs and on the console. */
export function identifier(description: string) {
  return shaped(/^[A-Za-z0-9._:@-]{1,64}$/, "an id: letters, digits and ._:@-, at most 64", { description });
}

const lineText = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

export function line(maximum: number, description: string) {
  return shaped(new RegExp(lineText), "one line of text", { description }).max(maximum);
}

export function owner() {
  return line(100, "Who answers for these callers: shown beside them.").default("");
}
