import type { Random } from "../../cli/random.ts";
import { compactJws, type SigningKey } from "./signing-keys.ts";

/** The moment at which tokens of this file are judged. */
export const judgedMs = Date.UTC(2026, 9, 1);
/** Seconds that the policy's clock may be off. */
export const toleranceS = 30;

const nowS = judgedMs / 1000;

/** Values as they are spelt, the usual one first: JSON.stringify would never write most of them. */
const claimValues: Record<string, readonly string[]> = {
  iss: ['"https://id.example"', '"https:\\/\\/id.example"', '"\\u0068ttps://id.example"', '"https://other.example"', "7", "null"],
  aud: [
    '"fleet"',
    '["other","fleet"]',
    '["fleet",1]',
    '[ "fl\\u0065et" , "x" ]',
    '["fleet","\\ud800"]',
    '"fl\\u0065et"',
    '"other"',
    "[]",
    "7",
    "null",
    '[["fleet"]]',
    '{"fleet":1}',
  ],
  sub: [
    '"sensor-1"',
    '"s\\u00e9"',
    '"😀"',
    '"\\ud83d\\ude00"',
    '""',
    '" a"',
    "7",
    "null",
    '"a\\nb"',
    '"\\u0085"',
    '"\\ud800"',
    '"\x7f"',
  ],
  exp: [
    `${nowS + 60}`,
    `${nowS - toleranceS}`,
    `${nowS - toleranceS + 1}`,
    `${nowS - toleranceS - 1}`,
    `${nowS - toleranceS}.5`,
    `${nowS - toleranceS}.000`,
    `${nowS / 1000}e3`,
    "1e10",
    "1E+10",
    "10000000000e-0",
    "-1",
    "0",
    "01",
    "1e400",
    "-1e400",
    "99999999999999999999",
    `1${"0".repeat(30)}e-20`,
    "1790812800.",
    '"9999999999"',
    "null",
    "true",
  ],
  nbf: [
    `${nowS}`,
    `${nowS + toleranceS}`,
    `${nowS + toleranceS + 1}`,
    `${nowS + toleranceS}.25`,
    "-0",
    "0.1e-7",
    "1e-400",
    "1e400",
    '"0"',
    "[]",
  ],
  iat: [`${nowS}`, `${nowS + 999}`, "1e400", '"now"', "null", "true"],
  jti: ['"id-1"', "7", '"\\u0000"'],
  scope: ['"a b"', '""', '"a\\u0020b"', "7", '["a"]', '"a\\tb"'],
  scp: ['"a b"', '["a","b"]', "[]", '["a b"]', '["\\u0061"]', '["a",7]', '[""]', "{}"],
  extra: [
    "{}",
    "[[[[[[1]]]]]]",
    "[[[[[[[1]]]]]]]",
    "[[[[[[[[1]]]]]]]]",
    '{"iss":"x","iss":"y"}',
    '"\\ud800"',
    "1e999",
    "-0.0E-0",
  ],
  broken: [
    "tru",
    "1.",
    ".5",
    "+1",
    "0x1",
    '"\t"',
    '"\\x"',
    '"\\u12g4"',
    "-",
    "[1,]",
    "{,}",
    "'a'",
    "NaN",
    '"',
    "\ufeff1",
    "nul l",
  ],
};

/** How often a claim is there, and how often it has its usual value. */
const usual = new Set(["iss", "aud", "sub", "exp"]);

/** Headers of a key as they are spelt, the usual one first. */
function headersOf({ algorithm, kid }: SigningKey): readonly string[] {
  const other = algorithm === "HS512" ? "RS256" : "HS512";
  const escapedKid = `${kid.slice(0, -1)}\\u00${kid.charCodeAt(kid.length - 1).toString(16)}`;
  return [
    `{"alg":"${algorithm}","kid":"${kid}"}`,
    `{"alg":"${algorithm}","typ":"JWT","kid":"${kid}"}`,
    `{"alg":"${algorithm}","kid":"${escapedKid}"}`,
    `{"\\u0061lg":"${algorithm}","kid":"${kid}"}`,
    `{"alg":"${algorithm}"}`,
    `{"alg":"${algorithm}","kid":"d2"}`,
    `{"alg":"${algorithm}","kid":""}`,
    `{"alg":"${algorithm}","kid":7}`,
    `{"alg":"${algorithm}","kid":null}`,
    `{"alg":"none","kid":"${kid}"}`,
    `{"alg":"${algorithm.toLowerCase()}","kid":"${kid}"}`,
    `{"alg":"${other}","kid":"${kid}"}`,
    `{"alg":["${algorithm}"],"kid":"${kid}"}`,
    `{"kid":"${kid}"}`,
    `{"alg":"${algorithm}","kid":"${kid}","crit":["exp"],"exp":1}`,
    `{"alg":"${algorithm}","kid":"${kid}","crit":["b64"],"b64":true}`,
    `{"alg":"${algorithm}","kid":"${kid}","crit":[]}`,
    `{"alg":"${algorithm}","kid":"${kid}","b64":false}`,
    `{"alg":"${algorithm}","kid":"${kid}","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://evil.example"}`,
    ` { "alg" : "${algorithm}" , "kid" : "${kid}" } `,
    `{"alg":"${algorithm}","kid":"${kid}",}`,
    `{"alg":"${algorithm}","alg":"none","kid":"${kid}"}`,
    `{"alg":"${algorithm}","kid":"d2","k\\u0069d":"${kid}"}`,
    `["${algorithm}"]`,
    `"${algorithm}"`,
    "",
  ];
}

function claims(draw: Random): string {
  const members: string[] = [];
  for (const [name, values] of Object.entries(claimValues)) {
    const isThere = usual.has(name) ? 0.98 : name === "broken" ? 0.02 : 0.08;
    const value = usual.has(name) && draw.next() < 0.85 ? values[0] : draw.pick(values);
    if (draw.next() < isThere) members.push(`"${name}":${value}`);
  }
  if (draw.next() < 0.03 && members.length > 0) members.push(draw.pick(members));
  if (draw.next() < 0.03) members.push(`"s\\u0075b":"sensor-1"`);
  if (draw.next() < 0.03) for (let i = 50 + draw.below(20); i > 0; i--) members.push(`"member-${i}":${i}`);
  if (draw.next() < 0.1) members.reverse();
  const space = draw.next() < 0.1 ? draw.pick([" ", "\n", "\t\r\n ", "\f", "\u00a0"]) : "";
  const mark = draw.next() < 0.02 ? "\ufeff" : "";
  return `${mark}${space}{${members.join(`${space},${space}`)}${draw.next() < 0.01 ? "," : ""}}${space}`;
}

/** One to three bytes of a JSON text replaced, taken out or put in, as often structural ones as any. */
function damageBytes(draw: Random, text: string): Uint8Array {
  const bytes = [...Buffer.from(text)];
  for (let left = 1 + draw.below(3); left > 0; left--) {
    const byte = draw.next() < 0.6 ? draw.pick(structural) : draw.below(256);
    bytes.splice(draw.below(bytes.length + 1), draw.below(2), ...(draw.next() < 0.7 ? [byte] : []));
  }
  return Uint8Array.from(bytes);
}

const structural = [...Buffer.from('{}[]:,"\\ \n\t0123456789.eE+-truefalsnulabid/\u0000\u001f\u007f')];
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. ~é";

/** Damage to the finished token's characters: what a caller without the key can do. */
const damages: readonly ((draw: Random, token: string, at: number) => string)[] = [
  (draw, token, at) => token.slice(0, at) + draw.pick([...alphabet]) + token.slice(at + 1),
  (draw, token, at) =>
    token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ (1 << draw.below(7))) + token.slice(at + 1),
  (_, token, at) => token.slice(0, at),
  (_, token, at) => token.slice(at),
  (_, token, at) => token.slice(0, at) + token.slice(at + 1),
  (draw, token, at) => token.slice(0, at) + draw.pick([...alphabet]) + token.slice(at),
  (draw, token) => token + draw.pick(["=", "==", ".", "A", "AA", ".A", "\n", "-"]),
  (_, token) => token.split(".").reverse().join("."),
  // The last character of a part carries bits that no byte needs: another spelling of the same bytes.
  (draw, token) => token.slice(0, -1) + draw.pick([...alphabet.slice(0, 64)]),
];

export function damaged(draw: Random, token: string): string {
  return draw.pick(damages)(draw, token, draw.below(token.length));
}

/** A token of rewritten claims under a key, now and then with damaged bytes, signed anew: so that what stands behind the signature is reached. */
export function rewrittenToken(draw: Random, key: SigningKey): string {
  const headers = headersOf(key);
  const header = draw.next() < 0.8 ? (headers[0] ?? "") : draw.pick(headers);
  const payload = claims(draw);
  const kind = draw.next();
  if (kind < 0.12) return compactJws(key, header, damageBytes(draw, payload));
  if (kind < 0.18) return compactJws(key, damageBytes(draw, header), payload);
  return compactJws(key, header, payload);
}

/** A token that is good, with claims of its own. */
export function plainToken(draw: Random, key: SigningKey): string {
  const claims = { iss: "https://id.example", aud: "fleet", sub: `sensor-${draw.below(1e9)}`, exp: nowS + 60 };
  return compactJws(key, headersOf(key)[0] ?? "", JSON.stringify(claims));
}
