import { createHmac, createPublicKey } from "node:crypto";
import type { Random } from "../../cli/random.ts";
import { signatureEdges } from "./signature-edges.ts";
import { compactJws, newSecretKey, newSigningKeys, type SigningKey } from "./signing-keys.ts";
import { damaged, plainToken, rewrittenToken } from "./token-mutations.ts";

/** A key pair or secret for every algorithm: one RSA pair for six, so that only `alg` tells RSASSA-PKCS1 from PSS. */
export function keysOfEveryAlgorithm(secret: string): SigningKey[] {
  return [
    ...(["HS256", "HS384", "HS512"] as const).map((algorithm) => newSecretKey(algorithm, "d1", secret)),
    ...newSigningKeys(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], "r1"),
    ...newSigningKeys(["ES256"], "p256"),
    ...newSigningKeys(["ES384"], "p384"),
    ...newSigningKeys(["ES512"], "p521"),
    ...newSigningKeys(["EdDSA"], "e1"),
  ];
}

export interface DrawnToken {
  token: string;
  /** The key that it started from. */
  key: SigningKey;
}

/**
 * Mutated tokens of every algorithm. A MAC is cheap, so those are rewritten and signed each time; signatures are dear, so a pool of
 * them is signed once and then drawn from: as it is, damaged, or with parts and signatures of another kind.
 */
export class TokenSource {
  readonly #draw: Random;
  readonly #secrets: SigningKey[];
  readonly #pairs: SigningKey[];
  readonly #rewritten: Map<SigningKey, string[]>;
  readonly #plain: Map<SigningKey, string[]>;

  /** @param pooled tokens signed beforehand for each public key algorithm */
  constructor(draw: Random, keys: readonly SigningKey[], pooled: number) {
    this.#draw = draw;
    this.#secrets = keys.filter(({ algorithm }) => algorithm.startsWith("HS"));
    this.#pairs = keys.filter(({ algorithm }) => !algorithm.startsWith("HS"));
    const pools = (make: Make) =>
      new Map(this.#pairs.map((key) => [key, Array.from({ length: pooled / 2 }, () => make(draw, key))]));
    this.#rewritten = pools(rewrittenToken);
    this.#plain = pools(plainToken);
  }

  next(): DrawnToken {
    const draw = this.#draw;
    const key = draw.pick(draw.next() < 0.3 ? this.#secrets : this.#pairs);
    const kind = draw.next();
    if (kind < 0.45) return { key, token: this.#rewrittenFor(key) };
    if (kind < 0.6) return { key, token: damaged(draw, this.#rewrittenFor(key)) };
    // Claims come before signatures: only a token that is good otherwise shows what becomes of its signature.
    const other = () => this.#plainFor(draw.pick([...this.#pairs, key]));
    return { key, token: draw.pick(exchanges)(draw, this.#plainFor(key), key, other) };
  }

  #rewrittenFor(key: SigningKey): string {
    const pool = this.#rewritten.get(key);
    return pool === undefined ? rewrittenToken(this.#draw, key) : this.#draw.pick(pool);
  }

  #plainFor(key: SigningKey): string {
    const pool = this.#plain.get(key);
    return pool === undefined ? plainToken(this.#draw, key) : this.#draw.pick(pool);
  }
}

type Make = (draw: Random, key: SigningKey) => string;
type Exchange = (draw: Random, token: string, key: SigningKey, other: () => string) => string;

const partsOf = (token: string) => token.split(".") as [string, string, string];

/** What a caller can do who has good tokens and every public key. */
const exchanges: readonly Exchange[] = [
  (_draw, token) => token,
  damaged,
  damaged,
  withEdge,
  withEdge,
  withEdge,
  (_draw, token, _key, other) => [...partsOf(token).slice(0, 2), partsOf(other())[2]].join("."),
  (_draw, token, _key, other) => [partsOf(other())[0], ...partsOf(token).slice(1)].join("."),
  (_draw, token, _key, other) => [partsOf(token)[0], partsOf(other())[1], partsOf(token)[2]].join("."),
  confused,
  confused,
];

function withEdge(draw: Random, token: string, key: SigningKey): string {
  const [header, payload, signature] = partsOf(token);
  const { signature: edge } = draw.pick(signatureEdges(key, Buffer.from(signature, "base64url")));
  return `${header}.${payload}.${edge.toString("base64url")}`;
}

/** Algorithm confusion: a MAC whose key is what everybody knows of a public key (RFC 8725 §2.1). */
function confused(draw: Random, token: string, { jwk, kid }: SigningKey): string {
  const payload = Buffer.from(partsOf(token)[1], "base64url");
  const hash = draw.pick(["256", "384", "512"]);
  const mac = (input: string | Uint8Array) => createHmac(`sha${hash}`, publicTexts(draw, jwk)).update(input).digest();
  const names = draw.pick([`,"kid":"${kid}"`, ',"kid":"d1"', ""]);
  return compactJws({ algorithm: "HS256", kid, jwk, sign: mac }, `{"alg":"HS${hash}"${names}}`, payload);
}

function publicTexts(draw: Random, jwk: SigningKey["jwk"]): string | Buffer {
  const text = jwk.n ?? jwk.x ?? "";
  if (jwk.kty === "oct") return draw.pick(["", "\0".repeat(64), "secret"]);
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const pem = key.export({ format: "pem", type: "spki" }).toString();
  return draw.pick([
    pem,
    pem.trim(),
    key.export({ format: "der", type: "spki" }),
    JSON.stringify(jwk),
    text,
    Buffer.from(text, "base64url"),
  ]);
}
