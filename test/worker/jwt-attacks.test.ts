import { exportJWK, exportSPKI, generateKeyPair, type JWK } from "jose";
import { beforeAll, expect, it } from "vitest";
import { Gateway, secret } from "./gateway-fixture.ts";

// Each attack has a name that papers and advisories know it by (RFC 8725 §2; PortSwigger's and OWASP's lists): each is refused.
interface World {
  rsa: CryptoKey;
  ec: CryptoKey;
  /** What an attacker has: a key pair of their own, and everything public. */
  own: CryptoKey;
  ownJwk: JWK;
  rsaPem: string;
  rsaJwk: JWK;
}

const utf8 = new TextEncoder();
const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
const part = (value: unknown) => base64url(utf8.encode(typeof value === "string" ? value : JSON.stringify(value)));

let world: World;
let gateway: Gateway;
beforeAll(async () => {
  const rsa = await generateKeyPair("RS256", { extractable: true });
  const ec = await generateKeyPair("ES256", { extractable: true });
  const own = await generateKeyPair("ES256", { extractable: true });
  world = {
    rsa: rsa.privateKey,
    ec: ec.privateKey,
    own: own.privateKey,
    ownJwk: await exportJWK(own.publicKey),
    rsaPem: await exportSPKI(rsa.publicKey),
    rsaJwk: await exportJWK(rsa.publicKey),
  };
  gateway = await Gateway.start(`
picket: 1
services:
  - { name: fleet, match: { path: / }, upstream: binding:FLEET, owner: a, auth: [rs, es, hs], operations: [GET /x] }
authenticators:
  - { name: rs, type: jwt, issuer: rs, audience: fleet, algorithms: [RS256], keys: [{ kid: k, jwk: ${JSON.stringify(world.rsaJwk)} }], verifications: { rate: 1000/1s, burst: 1000 } }
  - { name: es, type: jwt, issuer: es, audience: fleet, algorithms: [ES256], typ: at+jwt, keys: [{ kid: k, jwk: ${JSON.stringify(await exportJWK(ec.publicKey))} }] }
  - { name: hs, type: jwt, issuer: hs, audience: fleet, algorithms: [HS256], keys: [{ kid: k, secret: env:SHARED }] }
`);
});

const claims = (iss: string, more: object = {}) => ({
  iss,
  aud: "fleet",
  sub: "admin",
  exp: Math.floor(Date.now() / 1000) + 300,
  ...more,
});
const es = { alg: "ES256", kid: "k", typ: "at+jwt" };
const rs = { alg: "RS256", kid: "k" };

async function signed(key: CryptoKey, header: unknown, payload: unknown): Promise<string> {
  const input = `${part(header)}.${part(payload)}`;
  const name = key.algorithm.name === "ECDSA" ? { name: "ECDSA", hash: "SHA-256" } : key.algorithm.name;
  return `${input}.${base64url(new Uint8Array(await crypto.subtle.sign(name, key, utf8.encode(input))))}`;
}

async function hmac(hash: string, keyBytes: Uint8Array, header: unknown, payload: unknown): Promise<string> {
  const key = await crypto.subtle.importKey("raw", new Uint8Array(keyBytes), { name: "HMAC", hash }, false, ["sign"]);
  return signed(key, header, payload);
}

const withSignature = (header: unknown, payload: unknown, signature: Uint8Array) =>
  `${part(header)}.${part(payload)}.${base64url(signature)}`;

async function send(token: string): Promise<Response> {
  return gateway.send("/x", { headers: { Authorization: `Bearer ${token}` } });
}

it("lets in what is in order", async () => {
  expect((await send(await signed(world.rsa, rs, claims("rs")))).status).toBe(200);
  expect((await send(await signed(world.ec, es, claims("es")))).status).toBe(200);
  expect((await send(await hmac("SHA-256", utf8.encode(secret), { alg: "HS256", kid: "k" }, claims("hs")))).status).toBe(200);
});

const attacks: [string, (w: World) => Promise<string> | string][] = [
  ["alg none", () => `${part({ alg: "none", kid: "k" })}.${part(claims("rs"))}.`],
  ["alg None", () => `${part({ alg: "None" })}.${part(claims("rs"))}.`],
  ["alg NONE, with a signature", () => withSignature({ alg: "NONE" }, claims("es"), new Uint8Array(64))],
  ["alg as an empty text", () => withSignature({ alg: "", kid: "k" }, claims("rs"), new Uint8Array(256))],
  ["alg missing", (w) => signed(w.ec, { kid: "k", typ: "at+jwt" }, claims("es"))],
  ["alg in another case", (w) => signed(w.ec, { ...es, alg: "es256" }, claims("es"))],
  ["alg as a list", (w) => signed(w.ec, { ...es, alg: ["ES256"] }, claims("es"))],
  [
    "algorithm confusion: HS256 with the RSA key's PEM",
    (w) => hmac("SHA-256", utf8.encode(w.rsaPem), { alg: "HS256", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS256 with the PEM and no last line break",
    (w) => hmac("SHA-256", utf8.encode(w.rsaPem.trim()), { alg: "HS256", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS512 with the RSA key's JWK",
    (w) => hmac("SHA-512", utf8.encode(JSON.stringify(w.rsaJwk)), { alg: "HS512", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS256 with the modulus",
    (w) => hmac("SHA-256", utf8.encode(w.rsaJwk.n ?? ""), { alg: "HS256", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS256 with an empty key, for the RSA issuer",
    () => withSignature({ alg: "HS256", kid: "k" }, claims("rs"), new Uint8Array(32)),
  ],
  ["algorithm confusion: PS256 where RS256 is allowed", (w) => signed(w.rsa, { ...rs, alg: "PS256" }, claims("rs"))],
  ["algorithm confusion: ES256 signature under RS256", (w) => signed(w.ec, rs, claims("rs"))],
  ["another issuer's key", (w) => signed(w.ec, es, claims("rs"))],
  ["another issuer's algorithm", (w) => signed(w.ec, es, claims("hs"))],
  ["embedded jwk (CVE-2018-0114)", (w) => signed(w.own, { ...es, jwk: w.ownJwk }, claims("es"))],
  ["embedded jwk, without kid", (w) => signed(w.own, { alg: "ES256", typ: "at+jwt", jwk: w.ownJwk }, claims("es"))],
  ["jku", (w) => signed(w.own, { ...es, jku: "https://evil.example/jwks.json" }, claims("es"))],
  ["x5u", (w) => signed(w.own, { ...es, x5u: "https://evil.example/cert.pem" }, claims("es"))],
  ["x5c", (w) => signed(w.own, { ...es, x5c: ["MIIB"] }, claims("es"))],
  [
    "kid: path traversal to an empty file",
    () => hmac("SHA-256", new Uint8Array(1), { alg: "HS256", kid: "../../../../dev/null" }, claims("hs")),
  ],
  ["kid: SQL injection", () => hmac("SHA-256", utf8.encode("x"), { alg: "HS256", kid: "' UNION SELECT 'x" }, claims("hs"))],
  ["kid: command injection", (w) => signed(w.own, { ...es, kid: "k; sleep 10" }, claims("es"))],
  ["kid: __proto__", (w) => signed(w.own, { ...es, kid: "__proto__" }, claims("es"))],
  ["kid as a number", (w) => signed(w.ec, { ...es, kid: 1 }, claims("es"))],
  ["kid of no key, well signed", (w) => signed(w.ec, { ...es, kid: "other" }, claims("es"))],
  ["crit with an unknown extension", (w) => signed(w.ec, { ...es, crit: ["x"], x: 1 }, claims("es"))],
  ["crit with b64", (w) => signed(w.ec, { ...es, crit: ["b64"], b64: false }, claims("es"))],
  ["crit, empty", (w) => signed(w.ec, { ...es, crit: [] }, claims("es"))],
  ["alg twice", (w) => signed(w.ec, '{"alg":"none","alg":"ES256","kid":"k","typ":"at+jwt"}', claims("es"))],
  ["sub twice", (w) => signed(w.ec, es, `{"iss":"es","aud":"fleet","sub":"me","sub":"admin","exp":${claims("es").exp}}`)],
  ["exp twice, once escaped", (w) => signed(w.ec, es, `{"iss":"es","aud":"fleet","exp":1,"e\\u0078p":${claims("es").exp}}`)],
  ["no signature part", (w) => signed(w.ec, es, claims("es")).then((token) => token.slice(0, token.lastIndexOf(".")))],
  ["empty signature", () => withSignature(es, claims("es"), new Uint8Array(0))],
  ["psychic signature: r and s zero (CVE-2022-21449)", () => withSignature(es, claims("es"), new Uint8Array(64))],
  [
    "r zero, s one",
    () =>
      withSignature(
        es,
        claims("es"),
        Uint8Array.from({ length: 64 }, (_, i) => (i === 63 ? 1 : 0)),
      ),
  ],
  ["r and s the group's order", () => withSignature(es, claims("es"), groupOrderTwice())],
  [
    "ECDSA signature in DER",
    () => withSignature(es, claims("es"), Uint8Array.of(0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01)),
  ],
  ["ECDSA signature of another curve's length", () => withSignature(es, claims("es"), new Uint8Array(96).fill(1))],
  ["RSA signature of zeros", () => withSignature(rs, claims("rs"), new Uint8Array(256))],
  [
    "RSA signature of one",
    () =>
      withSignature(
        rs,
        claims("rs"),
        Uint8Array.from({ length: 256 }, (_, i) => (i === 255 ? 1 : 0)),
      ),
  ],
  [
    "signature over other claims",
    async (w) => {
      const token = await signed(w.ec, es, claims("es", { sub: "me" }));
      return `${part(es)}.${part(claims("es"))}.${token.split(".")[2]}`;
    },
  ],
  ["signature with padding", (w) => signed(w.ec, es, claims("es")).then((token) => `${token}==`)],
  ["signature with spare bits", (w) => signed(w.ec, es, claims("es")).then(spareBits)],
  ["five parts (JWE)", (w) => signed(w.ec, es, claims("es")).then((token) => `${token}.AA.AA`)],
  [
    "JSON serialization",
    (w) =>
      signed(w.ec, es, claims("es")).then((token) =>
        JSON.stringify({ payload: token.split(".")[1], protected: token.split(".")[0], signature: token.split(".")[2] }),
      ),
  ],
  ["an ID token as an access token (typ)", (w) => signed(w.ec, { ...es, typ: "JWT" }, claims("es"))],
  ["typ missing where it is required", (w) => signed(w.ec, { alg: "ES256", kid: "k" }, claims("es"))],
  ["expired", (w) => signed(w.ec, es, claims("es", { exp: 1 }))],
  ["exp as a text", (w) => signed(w.ec, es, claims("es", { exp: "9999999999" }))],
  ["exp beyond numbers", (w) => signed(w.ec, es, '{"iss":"es","aud":"fleet","exp":1e999}')],
  ["no exp", (w) => signed(w.ec, es, { iss: "es", aud: "fleet" })],
  ["not yet valid", (w) => signed(w.ec, es, claims("es", { nbf: 9_999_999_999 }))],
  ["another audience", (w) => signed(w.ec, es, claims("es", { aud: "billing" }))],
  ["an unknown issuer", (w) => signed(w.ec, es, claims("other"))],
  ["an issuer with a blank more", (w) => signed(w.ec, es, claims("es "))],
  ["a sub that breaks out of its header", (w) => signed(w.ec, es, claims("es", { sub: "me\r\nPicket-Principal: admin" }))],
];

function groupOrderTwice(): Uint8Array {
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  return Uint8Array.from((order + order).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Another last character that encodes the same bytes: 64 bytes leave four bits of the last character unused. */
function spareBits(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? "") + 1];
}

it.each(attacks)("refuses %s", async (_, attack) => {
  const before = gateway.seen.length;
  const response = await send(await attack(world));
  expect([response.status, gateway.seen.length - before]).toEqual([401, 0]);
});

it("refuses a policy that would let a public key verify HS256", async () => {
  const bad = `
picket: 1
services: [{ name: a, upstream: binding:A, auth: [a] }]
authenticators: [{ name: a, type: jwt, issuer: i, audience: a, algorithms: [HS256], keys: [{ kid: k, jwk: ${JSON.stringify(world.rsaJwk)} }] }]
`;
  await expect(Gateway.start(bad)).rejects.toThrow("algorithm_without_key");
});
