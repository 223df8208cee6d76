import { exportJWK, exportSPKI, generateKeyPair, type JWK } from "jose";

/** What signs for the issuers, and what an attacker has: a key pair of their own, and everything public. */
export interface World {
  rsa: CryptoKey;
  ec: CryptoKey;
  secret: string;
  own: CryptoKey;
  ownJwk: JWK;
  rsaPem: string;
  ecPem: string;
  rsaJwk: JWK;
  ecJwk: JWK;
}

/** The name that papers and advisories know it by (RFC 8725 §2; PortSwigger's and OWASP's lists; CVEs), and its token. */
export type Attack = [name: string, token: (world: World) => Promise<string> | string];

const utf8 = new TextEncoder();
const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
const part = (value: unknown) => {
  if (value instanceof Uint8Array) return base64url(value);
  return base64url(utf8.encode(typeof value === "string" ? value : JSON.stringify(value)));
};

export async function newWorld(secret: string): Promise<World> {
  const rsa = await generateKeyPair("RS256", { extractable: true });
  const ec = await generateKeyPair("ES256", { extractable: true });
  const own = await generateKeyPair("ES256", { extractable: true });
  return {
    rsa: rsa.privateKey,
    ec: ec.privateKey,
    secret,
    own: own.privateKey,
    ownJwk: await exportJWK(own.publicKey),
    rsaPem: await exportSPKI(rsa.publicKey),
    ecPem: await exportSPKI(ec.publicKey),
    rsaJwk: await exportJWK(rsa.publicKey),
    ecJwk: await exportJWK(ec.publicKey),
  };
}

/** An issuer with RS256, one with ES256 and one with HS256, whose secret is env:SHARED. */
export function attackedPolicy({ rsaJwk, ecJwk }: World): string {
  const verifications = "verifications: { rate: 1000/1s, burst: 1000 }";
  return `
picket: 1
services:
  - { name: fleet, match: { path: / }, upstream: binding:FLEET, owner: a, auth: [rs, es, hs], operations: [GET /x] }
authenticators:
  - { name: rs, type: jwt, issuer: rs, audience: fleet, algorithms: [RS256], keys: [{ kid: k, jwk: ${JSON.stringify(rsaJwk)} }], ${verifications} }
  - { name: es, type: jwt, issuer: es, audience: fleet, algorithms: [ES256], typ: at+jwt, keys: [{ kid: k, jwk: ${JSON.stringify(ecJwk)} }], ${verifications} }
  - { name: hs, type: jwt, issuer: hs, audience: fleet, algorithms: [HS256], keys: [{ kid: k, secret: env:SHARED }] }
`;
}

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

const mine = { kty: "oct", k: part("mine"), kid: "k" };

const hs256 = (w: World) => hmac("SHA-256", utf8.encode(w.secret), { alg: "HS256", kid: "k" }, claims("hs"));

/** What is in order, of each issuer: without it a refusal says nothing. */
export function goodTokens(w: World): Promise<string[]> {
  return Promise.all([signed(w.rsa, rs, claims("rs")), signed(w.ec, es, claims("es")), hs256(w)]);
}

/** Over a payload that is no text. */
async function signedBytes(key: CryptoKey, header: unknown, payload: Uint8Array): Promise<string> {
  return signed(key, header, payload);
}

/** Signed over the payload as it is, sent encoded (RFC 7797 §3). */
async function unencoded(w: World, header: unknown): Promise<string> {
  const payload = JSON.stringify(claims("es"));
  const input = utf8.encode(`${part(header)}.${payload}`);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, w.ec, input);
  return `${part(header)}.${part(payload)}.${base64url(new Uint8Array(signature))}`;
}

async function deflated(payload: unknown): Promise<Uint8Array> {
  const stream = new Response(JSON.stringify(payload)).body?.pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const jwe = (header: unknown) =>
  `${part(header)}.${part("key")}.${part("twelve bytes")}.${part(claims("es"))}.${part("sixteen bytes tag")}`;

/** The signature's first `length` bytes, or zeros behind it. */
function cutSignature(token: string, length: number): string {
  const [header, payload, signature = ""] = token.split(".");
  const bytes = Uint8Array.from(atob(signature.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const cut = new Uint8Array(length);
  cut.set(bytes.subarray(0, length));
  return `${header}.${payload}.${base64url(cut)}`;
}

function swapped(token: string): string {
  const [header, payload, signature] = token.split(".");
  return `${header}.${signature}.${payload}`;
}

function unprotectedJson(token: string): string {
  const [, payload, signature] = token.split(".");
  return JSON.stringify({ payload, header: es, signature });
}

function derOf(pem: string): Uint8Array {
  return Uint8Array.from(atob(pem.replace(/-----[^-]+-----|\s/g, "")), (c) => c.charCodeAt(0));
}

/** An RSA key of 2048 bits without the 24 bytes that say that it is one (RFC 8017 appendix A.1.1). */
function pkcs1Pem(pem: string): string {
  const lines = btoa(String.fromCharCode(...derOf(pem).subarray(24))).match(/.{1,64}/g) ?? [];
  return ["-----BEGIN RSA PUBLIC KEY-----", ...lines, "-----END RSA PUBLIC KEY-----", ""].join("\n");
}

function groupOrderTwice(): Uint8Array {
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  return Uint8Array.from((order + order).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Another last character that encodes the same bytes: 64 bytes leave four bits of the last character unused. */
function spareBits(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? "") + 1];
}

export const attacks: readonly Attack[] = [
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
  ["alg nOnE", () => `${part({ alg: "nOnE", kid: "k" })}.${part(claims("hs"))}.`],
  ["alg none with a blank", () => `${part({ alg: "none ", kid: "k" })}.${part(claims("rs"))}.`],
  ["alg none, for the HMAC issuer", () => `${part({ alg: "none", kid: "k" })}.${part(claims("hs"))}.`],
  ["alg null", (w) => signed(w.ec, { ...es, alg: null }, claims("es"))],
  ["alg ES256K", (w) => signed(w.ec, { ...es, alg: "ES256K" }, claims("es"))],
  ["alg dir", () => withSignature({ alg: "dir", kid: "k" }, claims("hs"), new Uint8Array(32))],
  [
    "algorithm confusion: HS256 with the PKCS#1 PEM (CVE-2023-48223)",
    (w) => hmac("SHA-256", utf8.encode(pkcs1Pem(w.rsaPem)), { alg: "HS256", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS256 with the PEM and CR LF",
    (w) => hmac("SHA-256", utf8.encode(w.rsaPem.replaceAll("\n", "\r\n")), { alg: "HS256", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS256 with the RSA key's DER",
    (w) => hmac("SHA-256", derOf(w.rsaPem), { alg: "HS256", kid: "k" }, claims("rs")),
  ],
  [
    "algorithm confusion: HS256 with the EC key's PEM",
    (w) => hmac("SHA-256", utf8.encode(w.ecPem), { ...es, alg: "HS256" }, claims("es")),
  ],
  ["HMAC with an empty key", () => hmac("SHA-256", new Uint8Array(64), { alg: "HS256", kid: "k" }, claims("hs"))],
  ["HMAC with the key's name for a key", () => hmac("SHA-256", utf8.encode("k"), { alg: "HS256", kid: "k" }, claims("hs"))],
  ["HMAC cut to 16 bytes", async (w) => cutSignature(await hs256(w), 16)],
  ["HMAC cut to one byte", async (w) => cutSignature(await hs256(w), 1)],
  ["HMAC, empty", async (w) => cutSignature(await hs256(w), 0)],
  ["HMAC with a byte more", async (w) => cutSignature(await hs256(w), 33)],
  ["HMAC of SHA-512 under HS256", (w) => hmac("SHA-512", utf8.encode(w.secret), { alg: "HS256", kid: "k" }, claims("hs"))],
  ["embedded jwk of a secret", () => hmac("SHA-256", utf8.encode("mine"), { alg: "HS256", kid: "k", jwk: mine }, claims("hs"))],
  ["x5t of another certificate", (w) => signed(w.own, { ...es, x5t: "AAAAAAAAAAAAAAAAAAAAAAAAAAA" }, claims("es"))],
  ["jku that names the issuer first", (w) => signed(w.own, { ...es, jku: "https://es@evil.example/jwks.json" }, claims("es"))],
  ["jku to the machine itself", (w) => signed(w.own, { ...es, jku: "http://127.0.0.1:8787/jwks.json" }, claims("es"))],
  ["kid as an empty text", (w) => signed(w.own, { ...es, kid: "" }, claims("es"))],
  ["kid as a URL", (w) => signed(w.own, { ...es, kid: "https://evil.example/key" }, claims("es"))],
  ["kid with a zero byte behind it", (w) => signed(w.ec, { ...es, kid: "k\0" }, claims("es"))],
  ["kid in another case", (w) => signed(w.ec, { ...es, kid: "K" }, claims("es"))],
  ["kid of 3,000 characters", (w) => signed(w.ec, { ...es, kid: "k".repeat(3_000) }, claims("es"))],
  ["b64 false without crit, signed unencoded (RFC 7797)", (w) => unencoded(w, { ...es, b64: false })],
  ["b64 false with crit, signed unencoded", (w) => unencoded(w, { ...es, b64: false, crit: ["b64"] })],
  ["nested JWT", async (w) => signed(w.ec, { ...es, cty: "JWT" }, await signed(w.ec, es, claims("es")))],
  ["zip: a deflated payload", async (w) => signedBytes(w.ec, { ...es, zip: "DEF" }, await deflated(claims("es")))],
  ["zip: a bomb", async (w) => signedBytes(w.ec, { ...es, zip: "DEF" }, await deflated({ iss: "es", x: "x".repeat(1e6) }))],
  ["JWE, dir", () => jwe({ alg: "dir", enc: "A128GCM", kid: "k" })],
  ["JWE, RSA-OAEP", () => jwe({ alg: "RSA-OAEP-256", enc: "A128GCM", kid: "k" })],
  [
    "JWE, PBES2 with a billion rounds (CVE-2022-36083)",
    () => jwe({ alg: "PBES2-HS256+A128KW", enc: "A128GCM", p2c: 1e9, p2s: "AA" }),
  ],
  [
    "JSON and compact in one (CVE-2022-39227)",
    async (w) => {
      const [header, payload, signature] = (await signed(w.ec, es, claims("es", { sub: "me" }))).split(".");
      return `{"${header}.${part(claims("es"))}.":"","protected":"${header}","payload":"${payload}","signature":"${signature}"}`;
    },
  ],
  ["flattened JSON with an unprotected alg", (w) => signed(w.ec, es, claims("es")).then(unprotectedJson)],
  [
    "signature under another header",
    async (w) => {
      const [, payload, signature] = (await signed(w.ec, es, claims("es"))).split(".");
      return `${part({ ...es, typ: "application/at+jwt" })}.${payload}.${signature}`;
    },
  ],
  ["signature before the payload", (w) => signed(w.ec, es, claims("es")).then((token) => swapped(token))],
  ["a dot in front", (w) => signed(w.ec, es, claims("es")).then((token) => `.${token}`)],
  ["two tokens", (w) => signed(w.ec, es, claims("es")).then((token) => `${token}, Bearer ${token}`)],
  [
    "a line break inside, as base64 of e-mail has",
    (w) => signed(w.ec, es, claims("es")).then((token) => `${token.slice(0, 9)} ${token.slice(9)}`),
  ],
  ["base64 with + and /", () => withSignature(es, claims("es"), new Uint8Array(64).fill(0xff)).replaceAll("_", "/")],
  ["iss as a list", (w) => signed(w.ec, es, { ...claims("es"), iss: ["es"] })],
  ["iss in another case", (w) => signed(w.ec, es, claims("ES"))],
  ["iss with a zero byte behind it", (w) => signed(w.ec, es, claims("es\0"))],
  ["no iss", (w) => signed(w.ec, es, { ...claims("es"), iss: undefined })],
  ["aud that begins alike", (w) => signed(w.ec, es, claims("es", { aud: "fleet-admin" }))],
  ["aud as an object", (w) => signed(w.ec, es, claims("es", { aud: { fleet: true } }))],
  ["no aud", (w) => signed(w.ec, es, claims("es", { aud: undefined }))],
  ["aud twice", (w) => signed(w.ec, es, `{"iss":"es","aud":"billing","aud":"fleet","sub":"admin","exp":${claims("es").exp}}`)],
  ["exp below zero", (w) => signed(w.ec, es, claims("es", { exp: -1 }))],
  ["exp null", (w) => signed(w.ec, es, claims("es", { exp: null }))],
  ["exp as a list", (w) => signed(w.ec, es, claims("es", { exp: [9_999_999_999] }))],
  ["nbf as a text", (w) => signed(w.ec, es, claims("es", { nbf: "0" }))],
  ["sub as an object", (w) => signed(w.ec, es, claims("es", { sub: { id: "admin" } }))],
  ["an empty sub", (w) => signed(w.ec, es, claims("es", { sub: "" }))],
  ["claims as a list", (w) => signed(w.ec, es, [claims("es")])],
  ["claims as a text", (w) => signed(w.ec, es, '"admin"')],
  ["no claims at all", (w) => signed(w.ec, es, "")],
  ["claims with another object behind them", (w) => signed(w.ec, es, `${JSON.stringify(claims("es"))}{"sub":"admin"}`)],
  ["claims nested 2,000 deep", (w) => signed(w.ec, es, `{"iss":"es","x":${"[".repeat(2_000)}`)],
  ["claims that are no UTF-8", (w) => signedBytes(w.ec, es, Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d))],
];
