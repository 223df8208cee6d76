import * as abi from "../../wasm/abi.ts";

interface Reading {
  parts: string[];
  /** Header and claims, as bytes and as far as they are JSON objects. */
  bytes: Buffer[];
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

interface Exception {
  why: string;
  applies: (reading: Reading) => boolean;
}

/**
 * Where jose accepts a token that the core refuses: in each the core reads the RFC more strictly, and says why. There is no
 * list for the other way: what jose refuses the core must refuse.
 */
const exceptions: readonly Exception[] = [
  {
    why: "base64url with padding, spare bits or other characters (RFC 7515 §2): one value shall have one spelling",
    applies: ({ parts }) => parts.some((part) => Buffer.from(part, "base64url").toString("base64url") !== part),
  },
  {
    why: "a byte order mark (RFC 8259 §8.1): jose's decoder drops it",
    applies: ({ bytes }) => bytes.some((json) => json.toString().startsWith("\ufeff")),
  },
  {
    why: "a member name twice (RFC 7519 §4): two readers may take different ones",
    applies: ({ bytes }) => bytes.some((json) => hasDuplicate(json.toString())),
  },
  {
    why: "nested deeper than MAX_JSON_DEPTH, or more than MAX_CLAIMS members",
    applies: ({ header, claims }) =>
      [header, claims].some((json) => depthOf(json) > abi.MAX_JSON_DEPTH || Object.keys(json).length > abi.MAX_CLAIMS),
  },
  {
    why: "crit, whatever it names: the core understands no extension, jose understands b64 (RFC 7515 §4.1.11)",
    applies: ({ header }) => Object.hasOwn(header, "crit"),
  },
  {
    why: "exp or nbf beyond a double: it would never expire",
    applies: ({ claims }) => [claims.exp, claims.nbf].some((date) => typeof date === "number" && !Number.isFinite(date)),
  },
  {
    why: "an audience that is no string (RFC 7519 §4.1.3)",
    applies: ({ claims }) => Array.isArray(claims.aud) && !claims.aud.every(isText),
  },
  {
    why: "sub or jti that is no string (RFC 7519 §4.1.2, §4.1.7)",
    applies: ({ claims }) => [claims.sub, claims.jti].some((text) => text !== undefined && !isText(text)),
  },
  {
    why: "a sub that a header cannot carry to the upstream unchanged (RFC 9110 §5.5)",
    applies: ({ claims }) => typeof claims.sub === "string" && (/^ | $/.test(claims.sub) || !isHeaderText(claims.sub)),
  },
  {
    why: "an empty sub: nobody",
    applies: ({ claims }) => claims.sub === "",
  },
  {
    why: "scopes that are no list of words (RFC 6749 §3.3, RFC 8693 §4.2)",
    applies: ({ claims }) => !areScopes(claims),
  },
  {
    why: "an RSASSA-PSS signature without the zeros that it begins with (RFC 8017 §8.1.2): OpenSSL puts them back",
    applies: ({ header, parts }) => /^PS/.test(String(header.alg)) && Buffer.from(parts[2] ?? "", "base64url").length < 256,
  },
];

/** Why the core may refuse a token that jose accepts; undefined = it may not. */
export function exceptionFor(token: string): string | undefined {
  const parts = token.split(".");
  const bytes = parts.slice(0, 2).map((part) => Buffer.from(part, "base64url"));
  const [header, claims] = bytes.map((json) => objectIn(json.toString().replace(/^\ufeff/, "")));
  if (header === undefined || claims === undefined) return undefined;
  return exceptions.find(({ applies }) => applies({ parts, bytes, header, claims }))?.why;
}

function objectIn(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the names of the outer object only, as they are meant, not as they are spelt. */
function hasDuplicate(json: string): boolean {
  const names = new Set<string>();
  let depth = 0;
  for (const [token, text] of json.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (text !== undefined && depth === 1) {
      const name: string = JSON.parse(text);
      if (names.has(name)) return true;
      names.add(name);
    } else if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
  }
  return false;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

const isText = (value: unknown): boolean => typeof value === "string" && value.isWellFormed();

/** Without control characters (C0, DELETE, C1). */
const isHeaderText = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);

function areScopes({ scope, scp }: Record<string, unknown>): boolean {
  const scopes = scope ?? (scope === undefined ? scp : null);
  if (scopes === undefined) return true;
  if (typeof scopes === "string") return isHeaderText(scopes);
  const isList = scope === undefined && Array.isArray(scopes);
  return isList && scopes.every((one) => typeof one === "string" && one !== "" && !one.includes(" ") && isHeaderText(one));
}
