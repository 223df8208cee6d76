import { generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { compile } from "../../worker/policy/compile.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { sealImage } from "../../worker/policy/seal.ts";
import { type Loose, plainPolicy, put } from "./policies.ts";

const jwkOf = (key: { publicKey: { export(options: { format: "jwk" }): JsonWebKey } }) => key.publicKey.export({ format: "jwk" });
const ec = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }));
const rsa = jwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 }));
const small = jwkOf(generateKeyPairSync("rsa", { modulusLength: 1024 }));
const ed = jwkOf(generateKeyPairSync("ed25519"));
const shared = "s3cr3t-that-is-long-enough-for-a-hash-of-512-bits-which-is-64-bytes";

/** A policy whose JWT authenticator has these fields beside name, issuer and audience. */
function policyWith(fields: Loose): string {
  const policy = plainPolicy();
  put(policy, "authenticators[0].keys", undefined);
  Object.assign(policy.authenticators[0] as Loose, fields);
  return JSON.stringify(policy, null, 2);
}

async function compiled(fields: Loose) {
  const parsed = await parsePolicy(policyWith(fields), 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf: () => shared });
}

const at = "authenticators[0]";
const url = "https://id.example/jwks.json";
describe("keys of a JWT authenticator", () => {
  const cases: [string, Loose, string, string][] = [
    ["neither keys nor a key set", {}, "missing", `${at}.keys`],
    ["both", { keys: [{ jwk: ec }], jwks: url, algorithms: ["ES256"] }, "keys_twice", `${at}.jwks`],
    ["an empty list", { keys: [] }, "out_of_range", `${at}.keys`],
    ["a key that is nothing", { keys: [{ kid: "a" }] }, "missing", `${at}.keys[0].secret`],
    ["a key that is two", { keys: [{ secret: "env:A", jwk: ec }], algorithms: ["ES256"] }, "key_ambiguous", `${at}.keys[0]`],
    ["two kids", { keys: [{ kid: "a", jwk: { ...ec, kid: "b" } }], algorithms: ["ES256"] }, "kid_mismatch", `${at}.keys[0].kid`],
    ["a private key", { keys: [{ jwk: { ...ec, d: "AAAA" } }], algorithms: ["ES256"] }, "jwk_private", `${at}.keys[0].jwk`],
    [
      "a secret as a JWK",
      { keys: [{ jwk: { kty: "oct", k: "AAAA" } }], algorithms: ["HS256"] },
      "jwk_private",
      `${at}.keys[0].jwk`,
    ],
    ["a small RSA key", { keys: [{ jwk: small }], algorithms: ["RS256"] }, "rsa_size_refused", `${at}.keys[0].jwk`],
    ["a secret from the web", { jwks: url, algorithms: ["ES256", "HS512"] }, "algorithm_needs_secret", `${at}.algorithms[1]`],
    ["a key set, and the algorithm left out", { jwks: url }, "algorithm_needs_secret", `${at}.algorithms`],
    ["a key set over http", { jwks: "http://id.example/jwks.json", algorithms: ["ES256"] }, "jwks_insecure", `${at}.jwks`],
    ["a key set with a password", { jwks: "https://a:b@id.example/", algorithms: ["ES256"] }, "jwks_malformed", `${at}.jwks`],
    ["a key set that is a file", { jwks: "file:///etc/keys", algorithms: ["ES256"] }, "jwks_malformed", `${at}.jwks`],
    ["a typ with its tree", { jwks: url, algorithms: ["ES256"], typ: "application/at+jwt" }, "bad_format", `${at}.typ`],
    ["no time at all", { jwks: url, algorithms: ["ES256"], maxAge: "0s" }, "duration_out_of_range", `${at}.maxAge`],
    [
      "no verifications",
      { jwks: url, algorithms: ["ES256"], verifications: { burst: 0 } },
      "out_of_range",
      `${at}.verifications.burst`,
    ],
  ];
  test.each(cases)("%s", async (_, fields, code, path) => {
    const parsed = await parsePolicy(policyWith(fields), 0);
    expect(parsed.ok ? [] : parsed.problems.map((one) => [one.code, one.path])).toEqual([[code, path]]);
  });

  test("HS256 with a public key is refused, and so is the key", async () => {
    const parsed = await parsePolicy(policyWith({ algorithms: ["HS256"], keys: [{ jwk: rsa }] }), 0);
    expect(parsed.ok ? [] : parsed.problems.map(({ code }) => code).sort()).toEqual([
      "algorithm_without_key",
      "key_without_algorithm",
    ]);
  });

  test("a point that lies on no curve is found when it is imported", async () => {
    const compilation = await compiled({ algorithms: ["ES256"], keys: [{ kid: "a", jwk: { ...ec, y: ec.x } }] });
    expect(compilation.ok ? [] : compilation.problems.map(({ code, path }) => [code, path])).toEqual([
      ["jwk_malformed", `${at}.keys[0].jwk`],
    ]);
  });

  test("a secret is as long as the longest hash that it serves", async () => {
    const parsed = await parsePolicy(policyWith({ algorithms: ["HS256", "HS512"], keys: [{ secret: "env:A" }] }), 0);
    if (!parsed.ok) throw new Error("refused");
    const secretOf = () => "x".repeat(63);
    const compilation = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf });
    expect(compilation.ok ? [] : compilation.problems.map(({ code, expected }) => [code, expected])).toEqual([
      ["secret_too_short", "a secret of at least 64 bytes (RFC 7518 §3.2)"],
    ]);
  });

  test("http is for loopback", async () => {
    for (const host of ["127.0.0.1:9000", "localhost", "[::1]:8080"]) {
      expect((await compiled({ jwks: `http://${host}/jwks`, algorithms: ["ES256"] })).ok).toBe(true);
    }
  });

  test("tokens that never expire are warned of", async () => {
    const fields = { jwks: url, algorithms: ["ES256"], requireExp: false };
    const parsed = await parsePolicy(policyWith(fields), 0);
    expect(parsed.warnings.map(({ code }) => code)).toEqual(["tokens_never_expire"]);
    expect((await parsePolicy(policyWith({ ...fields, maxAge: "1h" }), 0)).warnings).toEqual([]);
  });
});

test("what rests in the open holds public keys, and no secret", async () => {
  const keys = [
    { kid: "s", secret: "env:A" },
    { kid: "e", jwk: ec },
    { kid: "r", jwk: { ...rsa, alg: "PS384" } },
    { kid: "d", jwk: ed },
  ];
  const compilation = await compiled({ algorithms: ["HS512", "ES256", "PS384", "EdDSA"], keys });
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  const { meta, secrets } = compilation.compiled;
  expect(meta.authenticators[0]?.verification?.keys.map(({ kid, algorithms }) => [kid, algorithms])).toEqual([
    ["e", ["ES256"]],
    ["r", ["PS384"]],
    ["d", ["EdDSA"]],
  ]);
  expect(secrets).toEqual([{ authenticator: 0, kid: "s", key: Buffer.from(shared).toString("base64url") }]);
  const sealed = await sealImage(btoa("k".repeat(32)), compilation.compiled);
  const open = sealed.meta + Buffer.from(sealed.image).toString("latin1");
  for (const text of [shared, Buffer.from(shared).toString("base64url"), Buffer.from(shared).toString("base64")]) {
    expect(open).not.toContain(text.slice(0, 16));
  }
});
