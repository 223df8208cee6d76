import { createHmac } from "node:crypto";
import { jwtVerify } from "jose";
import { seededRandom } from "../../cli/random.ts";
import * as abi from "../../wasm/abi.ts";
import { compileText, newCore, secretNamed, TestGateway } from "./core-fixture.ts";

const policy = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [tokens], operations: [GET /x] }
authenticators:
  - { name: tokens, type: jwt, issuer: https://id.example, audience: fleet, algorithms: [HS256], keys: [{ kid: d1, secret: env:SECRET }], kind: device, clockTolerance: 0s }
`;

const secret = secretNamed("env:SECRET");
const nowMs = Date.UTC(2026, 9, 1);
const nowS = nowMs / 1000;
const encode = (text: string | Uint8Array) => Buffer.from(text).toString("base64url");

function sign(header: string, payload: string): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

type Draw = ReturnType<typeof seededRandom>;

/** Member texts: what follows is put together as text, because JSON.stringify would never write most of it. */
const members: Record<string, readonly string[]> = {
  iss: ['"https://id.example"', '"https:\\/\\/id.example"', '"https://other.example"', "7", "null", '"\\u0068ttps://id.example"'],
  aud: ['"fleet"', '["other","fleet"]', '"other"', "[]", '["fleet",1]', "7", "null", '[["fleet"]]', '"fl\\u0065et"'],
  sub: ['"sensor-1"', '"s\\u00e9"', '"😀"', '""', "7", '"a\\nb"', '"\\ud800"'],
  exp: [
    `${nowS + 60}`,
    `${nowS}`,
    `${nowS + 1}`,
    `${nowS - 1}`,
    `${nowS}.5`,
    "1e10",
    "1E+10",
    "-1",
    '"9999999999"',
    "null",
    "1e400",
    "99999999999999999999",
    "0",
    "01",
  ],
  nbf: [`${nowS}`, `${nowS + 1}`, `${nowS - 60}`, "1e400", '"0"', "-0", "0.1e-7"],
  iat: [`${nowS}`, `${nowS + 999}`, '"now"', "null", "true"],
  scope: ['"a b"', '""', "7", '["a"]', '"a\\u0020b"'],
  extra: ["{}", "[[[[]]]]", "[[[[[[[[1]]]]]]]]", '{"iss":"x"}', "true", "tru", "1.", ".5", '"\t"', '"\\x"', "-", "[1,]"],
};

const headers = [
  '{"alg":"HS256","kid":"d1"}',
  '{"alg":"HS256","typ":"JWT","kid":"d1"}',
  '{"alg":"none","kid":"d1"}',
  '{"alg":"hs256","kid":"d1"}',
  '{"alg":"HS512","kid":"d1"}',
  '{"kid":"d1"}',
  '{"alg":"HS256","kid":"d1","crit":["exp"],"exp":1}',
  '{"alg":"HS256","kid":"d1","jwk":{"kty":"oct"}}',
  ' { "alg" : "HS256" , "kid" : "d1" } ',
  '{"alg":7,"kid":"d1"}',
  '{"alg":"HS256","kid":"d1",}',
  '["HS256"]',
];

function claims(draw: Draw): string {
  const parts: string[] = [];
  for (const [name, values] of Object.entries(members)) {
    const usual = name === "iss" || name === "aud" || name === "exp" || name === "sub";
    if (draw.next() < (usual ? 0.97 : 0.15)) parts.push(`"${name}":${draw.next() < 0.7 ? values[0] : draw.pick(values)}`);
  }
  if (draw.next() < 0.05) parts.push(draw.pick(parts.length > 0 ? parts : ['"a":1']));
  const space = draw.next() < 0.1 ? draw.pick([" ", "\n", "\t\r\n "]) : "";
  return `{${parts.join(`${space},${space}`)}${draw.next() < 0.02 ? "," : ""}}${space}`;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. ~";

/** One token: rewritten and signed anew, so that the claims are reached, and often damaged after that. */
function mutate(draw: Draw): string {
  let token = sign(draw.next() < 0.8 ? (headers[0] ?? "") : draw.pick(headers), claims(draw));
  const damage = draw.next();
  const at = draw.below(token.length);
  if (damage < 0.3) token = token.slice(0, at) + (alphabet[draw.below(alphabet.length)] ?? "A") + token.slice(at + 1);
  else if (damage < 0.35) token = token.slice(0, at);
  else if (damage < 0.4) token = token.slice(0, at) + token.slice(at + 1);
  else if (damage < 0.43) token += draw.pick(["=", ".", "A", ".A", " "]);
  else if (damage < 0.45) token = token.split(".").reverse().join(".");
  return token;
}

/** Where jose is more lenient than RFC 7515/7519/8725 read strictly, and why we are not. */
const exceptions: readonly { why: string; applies: (token: string) => boolean }[] = [
  {
    why: "base64url with padding, stray bits or characters of base64 (RFC 7515 §2)",
    applies: (token) => token.split(".").some((part) => encode(Buffer.from(part, "base64url")) !== part),
  },
  {
    why: "a member name twice (RFC 7519 §4 lets a parser refuse, RFC 8725 asks for it)",
    applies: (token) => parts(token).some(hasDuplicate),
  },
  { why: "a number beyond a double reads as Infinity", applies: (token) => parts(token).some((json) => json.includes("1e400")) },
  {
    why: "an audience that is no string (RFC 7519 §4.1.3)",
    applies: (token) => /"aud":\["fleet",1\]/.test(parts(token)[1] ?? ""),
  },
  { why: "nesting beyond eight levels", applies: (token) => parts(token).some((json) => json.includes("[[[[[[[[")) },
  {
    why: "scope that is no string, sub that is no string or cannot go into a header",
    applies: (token) => /"scope":[^"]|"sub":(?:[^"]|"a\\n|"\\ud800)/.test(parts(token).join("")),
  },
  {
    why: "crit is refused whatever it names: the core understands no extension",
    applies: (token) => parts(token)[0]?.includes("crit") === true,
  },
  {
    why: "text that is not UTF-8: jose's decoder puts U+FFFD in its place",
    applies: (token) => parts(token).some((json) => json.includes("\ufffd")),
  },
  {
    why: "a key id that the policy does not name: jose was given one key",
    applies: (token) => !/"kid"\s*:\s*"d1"/.test(parts(token)[0] ?? ""),
  },
  {
    why: "an empty or missing issuer-subject pair has no principal to count by",
    applies: (token) => /"sub":""/.test(parts(token)[1] ?? ""),
  },
];

const parts = (token: string) =>
  token
    .split(".")
    .slice(0, 2)
    .map((part) => Buffer.from(part, "base64url").toString());

function hasDuplicate(json: string): boolean {
  const names = [...json.matchAll(/(?:^|[{,])\s*"([^"]+)"\s*:/g)].map(([, name]) => name);
  return new Set(names).size < names.length;
}

export interface Disagreement {
  token: string;
  coreReason: number;
  jose: string;
}

export interface Differential {
  accepted: number;
  refused: number;
  /** Disagreements that a listed reason explains, by reason. */
  excepted: Map<string, number>;
  unexplained: Disagreement[];
}

/** Judges `count` seeded tokens by the core and by jose. */
export async function compareWithJose(
  count: number,
  seed: number,
  progress: (done: number) => void = () => {},
): Promise<Differential> {
  const draw = seededRandom(seed);
  const { image } = await compileText(policy);
  const gateway = new TestGateway(newCore(), image);
  const result: Differential = { accepted: 0, refused: 0, excepted: new Map(), unexplained: [] };
  for (let i = 0; i < count; i++) {
    if (i % 50_000 === 0) progress(i);
    const token = mutate(draw);
    gateway.write({ credentials: [`Bearer ${token}`], nowMs });
    const coreReason = gateway.core.token_verify(0, 0, nowMs);
    const jose = await judge(token);
    if (coreReason === abi.REASON_NONE) result.accepted++;
    else result.refused++;
    if ((coreReason === abi.REASON_NONE) === (jose === "")) continue;
    // Every exception is one where we are the stricter: a token that jose refuses is never accepted.
    const exception = jose === "" ? exceptions.find(({ applies }) => applies(token)) : undefined;
    if (exception === undefined) result.unexplained.push({ token, coreReason, jose });
    else result.excepted.set(exception.why, (result.excepted.get(exception.why) ?? 0) + 1);
  }
  return result;
}

const key = new TextEncoder().encode(secret);

/** "" = accepted. */
async function judge(token: string): Promise<string> {
  try {
    await jwtVerify(token, key, {
      issuer: "https://id.example",
      audience: "fleet",
      algorithms: ["HS256"],
      requiredClaims: ["exp"],
      currentDate: new Date(nowMs),
    });
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "refused";
  }
}
