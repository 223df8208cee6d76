import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { environmentPattern, makeKey } from "../../worker/policy/key-format.ts";
import { policySchema } from "../../worker/policy/schema.ts";

/** A new key, and the entry of an API-key authenticator's `keys` that knows it. */
export type NewKey = { ok: true; key: string; entry: string } | { ok: false; message: string };

const list = (text: string | undefined) => (text === undefined ? undefined : text.split(",").filter((one) => one !== ""));

/** @param randomBytes that many bytes from a source fit for secrets */
export function newKey(args: readonly string[], randomBytes: (length: number) => Uint8Array): NewKey {
  const options = readOptions(args);
  if (options === null) return { ok: false, message: "an option is unknown or has no value" };
  const { env = "live", id, kind, scopes, roles, expires } = options;
  if (!new RegExp(environmentPattern).test(env)) return { ok: false, message: "--env: 1 to 16 lower-case letters and digits" };
  const key = makeKey(env, randomBytes);
  const sha256 = createHash("sha256").update(key).digest("hex");
  const entry = { id, sha256, kind, scopes: list(scopes), roles: list(roles), expires };
  const wrong = entryProblem(entry);
  return wrong === null ? { ok: true, key, entry: yamlLine(entry) } : { ok: false, message: wrong };
}

function readOptions(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    const options = { env: text, id: text, kind: text, scopes: text, roles: text, expires: text };
    return parseArgs({ args: [...args], options }).values;
  } catch {
    return null; // parseArgs throws at what it does not know
  }
}

type Entry = Record<string, string | string[] | undefined>;

/** What the policy's own schema has against the entry; null = nothing. */
function entryProblem(entry: Entry): string | null {
  const authenticator = { name: "keys", type: "api-key", keys: [entry] };
  const service = { name: "any", match: {}, upstream: "binding:ANY", auth: ["keys"] };
  const { error } = policySchema().safeParse({ picket: 1, services: [service], authenticators: [authenticator] });
  const issue = error?.issues[0];
  if (issue === undefined) return null;
  const option = issue.path[4];
  return option === "id" && entry.id === undefined
    ? "--id is missing: who calls with this key"
    : `--${String(option)}: ${issue.message}`;
}

/** JSON's flow style is YAML's too; plain words are written without quotes, but for those that YAML takes for something else. */
function yamlLine(entry: Entry): string {
  const plain = (text: string) => (/^(?!(true|false|null)$)[A-Za-z][A-Za-z0-9._-]*$/i.test(text) ? text : JSON.stringify(text));
  const value = (one: string | string[]) => (Array.isArray(one) ? `[${one.map(plain).join(", ")}]` : plain(one));
  const fields = Object.entries(entry).flatMap(([name, one]) => (one === undefined ? [] : [`${name}: ${value(one)}`]));
  return `- { ${fields.join(", ")} }`;
}
