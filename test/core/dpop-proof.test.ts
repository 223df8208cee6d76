import { createHmac } from "node:crypto";
import fc from "fast-check";
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { readVerification } from "../../worker/engine/verification-record.ts";
import type { Algorithm } from "../../worker/policy/algorithms.ts";
import {
  athOf,
  boundToken,
  isGood,
  jktOf,
  newJti,
  nowS,
  origin,
  PossessionGateway,
  proofOf,
  signer,
} from "./possession-fixture.ts";
import { compactJws, newSecretKey, newSigningKey } from "./signing-keys.ts";

const jkt = jktOf(signer.jwk);
const token = boundToken("required", { jkt });
const path = "/required/things/1";

let gateway: PossessionGateway;
beforeEach(async () => {
  gateway = await PossessionGateway.start();
});
const answer = (proof: string | null, more = {}) => gateway.dpop(path, token, proof, more);

describe("RFC 9449's own examples", () => {
  // §4.1 figure 2 and §7.1 figure 12; the key of both has the thumbprint of §6.1.
  const key =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
  const forToken = `${key}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`;
  const forResource = `${key}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`;
  const accessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
  const request = {
    origin: "https://resource.example.org",
    path: "/protectedresource",
    credentials: [`DPoP ${accessToken}`],
    nowMs: 1562262618000,
  };
  const judge = (proof: string, more = {}) => {
    gateway.write({ ...request, ...more, proof });
    gateway.core.decide(request.nowMs);
    return gateway.core.proof_verify(0, 1, request.nowMs);
  };

  it("§7.1: the request for a resource is good, and its key has the thumbprint of §6.1", () => {
    expect(judge(forResource)).toBe(abi.VERIFICATION_NEEDED);
    const asked = readVerification(gateway.core.memory);
    expect(isGood(asked)).toBe(true);
    expect(jktOf(JSON.parse(asked.kid ?? ""))).toBe("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    gateway.core.proof_remember(abi.REASON_NONE);
    expect(gateway.core.proof_verify(0, 1, request.nowMs)).toBe(abi.REASON_NONE);
    expect(gateway.core.proof_verify(0, 1, request.nowMs)).toBe(abi.REASON_PROOF_REPLAYED);
  });

  it("§7.1: for no other token, path, method or time", () => {
    const others = [
      { credentials: [`DPoP ${accessToken}x`] },
      { path: "/protectedresources" },
      { method: "POST" },
      { origin: "http://resource.example.org" },
    ];
    for (const other of others) expect([other, judge(forResource, other)]).toEqual([other, abi.REASON_PROOF_INVALID]);
  });

  it("§4.1: a proof for the token endpoint has no ath, so it is none for a resource", () => {
    const more = { origin: "https://server.example.com", path: "/token", method: "POST", nowMs: 1562262616000 };
    expect(judge(forToken, more)).toBe(abi.REASON_PROOF_INVALID);
  });
});

describe("the twelve checks of RFC 9449 §4.3, each violated once", () => {
  it("nothing is violated", () => {
    expect(answer(proofOf(path, token))).toBe(abi.REASON_NONE);
    expect(gateway.verifications).toBe(1);
  });

  const other = newSigningKey("ES256", "other");
  const [head = "", claims = "", signature = ""] = proofOf(path, token).split(".");
  const violations: [check: string, proof: () => string, reason?: number][] = [
    ["1: two DPoP headers", () => `${proofOf(path, token)}, ${proofOf(path, token)}`],
    ["2: no JWT", () => "proof"],
    ["2: not in three parts", () => `${head}.${claims}`],
    ["2: four parts", () => `${head}.${claims}.${signature}.${signature}`],
    ["2: padded base64url", () => `${head}=.${claims}.${signature}`],
    ["2: longer than any", () => proofOf(path, token, { pad: "x".repeat(4096) })],
    ["3: no jti", () => proofOf(path, token, { jti: undefined })],
    ["3: an empty jti", () => proofOf(path, token, { jti: "" })],
    ["3: a jti that is no text", () => proofOf(path, token, { jti: 7 })],
    ["3: no htm", () => proofOf(path, token, { htm: undefined })],
    ["3: no htu", () => proofOf(path, token, { htu: undefined })],
    ["3: no iat", () => proofOf(path, token, { iat: undefined })],
    ["3: an iat that is a text", () => proofOf(path, token, { iat: String(nowS) })],
    ["3: no ath", () => proofOf(path, token, { ath: undefined })],
    ["3: no jwk", () => proofOf(path, token, {}, { jwk: undefined })],
    ["4: no typ", () => proofOf(path, token, {}, { typ: undefined })],
    ["4: another typ", () => proofOf(path, token, {}, { typ: "JWT" })],
    ["5: alg none", () => proofOf(path, token, {}, { alg: "none" })],
    ["5: no alg", () => proofOf(path, token, {}, { alg: undefined })],
    ["5: an unknown alg", () => proofOf(path, token, {}, { alg: "ES256K" })],
    ["5: a symmetric alg", () => proofOf(path, token, {}, { alg: "HS256" })],
    ["6: signed by another key", () => proofOf(path, token, {}, { jwk: signer.jwk }, other)],
    ["7: a private key", () => proofOf(path, token, {}, { jwk: { ...signer.jwk, d: "AAAA" } })],
    ["8: another method", () => proofOf(path, token, { htm: "POST" })],
    ["8: the method in another case", () => proofOf(path, token, { htm: "get" })],
    ["9: another path", () => proofOf("/required/things/2", token)],
    ["9: another host", () => proofOf(path, token, { htu: `https://evil.example${path}` })],
    ["9: another scheme", () => proofOf(path, token, { htu: `http://api.example${path}` })],
    ["9: another port", () => proofOf(path, token, { htu: `https://api.example:444${path}` })],
    ["11: too old", () => proofOf(path, token, { iat: nowS - 91 })],
    ["11: from the future", () => proofOf(path, token, { iat: nowS + 31 })],
    ["12: the ath of another token", () => proofOf(path, token, { ath: athOf(`${token}x`) })],
    ["12: another key than the token's", () => proofOf(path, token, {}, {}, other)],
  ];
  it.each(violations)("%s", (_, proof, reason = abi.REASON_PROOF_INVALID) => {
    expect(answer(proof())).toBe(reason);
  });

  it("10: no nonce, or none of ours", () => {
    const bound = boundToken("nonce", { jkt });
    for (const nonce of [undefined, "x", "AAAAAAAAAAAAAAAAAAAAAA", 7]) {
      expect(gateway.dpop("/nonce", bound, proofOf("/nonce", bound, { nonce }))).toBe(abi.REASON_NONCE_REQUIRED);
      expect(gateway.nonce).toMatch(/^[\w-]{22}$/);
    }
    expect(gateway.verifications).toBe(0);
  });
});

describe("named attacks", () => {
  it("costs no verification but for the signature of a bound key", () => {
    const other = newSigningKey("ES256", "other");
    answer(proofOf(path, token, {}, {}, other));
    answer(proofOf(path, token, { htm: "POST" }));
    expect(gateway.verifications).toBe(0);
    answer(proofOf(path, token, {}, { jwk: signer.jwk }, other));
    expect(gateway.verifications).toBe(1);
  });

  it("signs with the public key as an HMAC secret", () => {
    const input = JSON.stringify({ typ: "dpop+jwt", alg: "HS256", jwk: signer.jwk });
    const forged = {
      ...newSecretKey("HS256", "", ""),
      sign: (text: string | Uint8Array) => createHmac("sha256", JSON.stringify(signer.jwk)).update(text).digest(),
    };
    const claims = JSON.stringify({ jti: newJti(), htm: "GET", htu: origin + path, iat: nowS, ath: athOf(token) });
    expect(answer(compactJws(forged, input, claims))).toBe(abi.REASON_PROOF_INVALID);
  });

  it("names a symmetric key", () => {
    expect(answer(proofOf(path, token, {}, { jwk: { kty: "oct", k: "AAAA" } }))).toBe(abi.REASON_PROOF_INVALID);
  });

  it("names a key of another type, curve or size than its alg", () => {
    const rsa = newSigningKey("RS256", "r");
    const ed = newSigningKey("EdDSA", "e");
    const keys = [
      rsa.jwk,
      ed.jwk,
      { ...signer.jwk, crv: "P-384" },
      { ...signer.jwk, crv: "secp256k1" },
      { ...signer.jwk, kty: "OKP" },
      { ...signer.jwk, x: "AAAA" },
      { ...signer.jwk, y: undefined },
      { ...signer.jwk, y: `${signer.jwk.y}=` },
      { ...signer.jwk, x: `${signer.jwk.x?.slice(0, -1)}\\u0041` },
      "{",
      [signer.jwk],
      null,
    ];
    for (const jwk of keys) expect([jwk, answer(proofOf(path, token, {}, { jwk }))]).toEqual([jwk, abi.REASON_PROOF_INVALID]);
  });

  it("hides a second key behind a name that stands twice, or a header behind crit", () => {
    const twice = (jwk: string) =>
      compactJws(
        signer,
        `{"typ":"dpop+jwt","alg":"ES256","jwk":${jwk}}`,
        JSON.stringify({ jti: newJti(), htm: "GET", htu: origin + path, iat: nowS, ath: athOf(token) }),
      );
    const own = JSON.stringify(signer.jwk);
    expect(answer(twice(own))).toBe(abi.REASON_NONE);
    expect(answer(twice(`${own.slice(0, -1)},"x":"AAAA"}`))).toBe(abi.REASON_PROOF_INVALID);
    expect(answer(twice(`${own},"jwk":${own}`))).toBe(abi.REASON_PROOF_INVALID);
    expect(answer(twice(`${own},"crit":["x"]`))).toBe(abi.REASON_PROOF_INVALID);
  });

  it("proves an empty method for one without a name", () => {
    expect(answer(proofOf(path, token, { htm: "" }), { method: "BREW" })).toBe(abi.REASON_PROOF_INVALID);
    expect(answer(proofOf(path, token, { htm: "BREW" }), { method: "BREW" })).toBe(abi.REASON_PROOF_INVALID);
  });

  it("sends the proof of another request of the same token again", () => {
    const proof = proofOf(path, token);
    expect([answer(proof), answer(proof), answer(proof, { method: "POST" })]).toEqual([
      abi.REASON_NONE,
      abi.REASON_PROOF_REPLAYED,
      abi.REASON_PROOF_INVALID,
    ]);
  });

  it("signs a jti again under the same key", () => {
    const jti = newJti();
    expect(answer(proofOf(path, token, { jti }))).toBe(abi.REASON_NONE);
    expect(answer(proofOf(path, token, { jti, iat: nowS - 1 }))).toBe(abi.REASON_PROOF_REPLAYED);
  });
});

describe("whatever stands in the header", () => {
  it("is no proof once a character of one is another, missing, or twice", () => {
    const good = proofOf(path, token);
    const change = fc.record({
      at: fc.nat(good.length - 1),
      cut: fc.nat(2),
      put: fc.string({ unit: fc.constantFrom(..."AQgw09-_.,= {}\u0000é"), maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const changed = changes.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), good);
        if (changed !== good) expect(answer(changed)).toBe(abi.REASON_PROOF_INVALID);
      }),
      { numRuns: 5000 },
    );
    expect(answer(good)).toBe(abi.REASON_NONE);
  });

  it("is read within bounds, as long, as deep and as wide as it can be", () => {
    const part = (json: string) => Buffer.from(json).toString("base64url");
    const escapes = `"${"\\u0041".repeat(440)}"`;
    const members = Array.from({ length: 64 }, (_, i) => `"\\u0061${i}":1`).join();
    const jsons = [
      "{".repeat(3000),
      `{"a":${"[".repeat(3000)}`,
      `{${members}}`,
      `{${escapes}:${escapes}}`,
      `{"jwk":{${members}},"typ":${escapes}}`,
      "[]",
      '""',
      "",
    ];
    const texts = jsons.flatMap((json) => [`${part(json)}.e30.AAAA`, `${part('{"typ":"dpop+jwt"}')}.${part(json)}.AAAA`]);
    for (const text of [...texts, "A".repeat(4096), "A".repeat(4097), ".".repeat(4096), "é".repeat(2048)]) {
      expect(answer(text)).toBe(abi.REASON_PROOF_INVALID);
    }
    expect(answer(proofOf(path, token))).toBe(abi.REASON_NONE);
  });
});

describe("htu", () => {
  const named = (htu: string, more = {}) => answer(proofOf(path, token, { htu }), more);
  it.each([
    "HTTPS://API.Example/required/things/1",
    "https://api.example:443/required/things/1",
    "https://api.example:/required/things/1",
    "https://api.example/required/things/1?q=1#f",
    "https://api.example/required/things/1#f?",
    "https://api.example/required/%74hings/1",
    "https://api.example/%72equired/things/%31",
  ])("%s is the request's", (htu) => {
    expect(named(htu)).toBe(abi.REASON_NONE);
  });
  it.each([
    "https://api.example/required/things/1/",
    "https://api.example/Required/things/1",
    "https://api.example//required/things/1",
    "https://api.example/required/x/../things/1",
    "https://api.example/required%2Fthings/1",
    "https://api.example/required/things/1%",
    "https://user@api.example/required/things/1",
    "https://api.example.evil.example/required/things/1",
    "https://api.example:4433/required/things/1",
    "https://api.example:80/required/things/1",
    "api.example/required/things/1",
    "/required/things/1",
    "https:api.example/required/things/1",
    "wss://api.example/required/things/1",
    "https://",
    "",
    `https://${"a".repeat(400)}/required/things/1`,
    "https://api.example",
  ])("%s is not", (htu) => {
    expect(named(htu)).toBe(abi.REASON_PROOF_INVALID);
  });

  it("is compared with what was asked for, whatever its spelling", () => {
    const request = { path: "/required/caf%c3%a9/%7Ex" };
    const proof = (htu: string) => gateway.dpop(request.path, token, proofOf("", token, { htu }));
    expect(proof("https://api.example/required/caf%C3%A9/~x")).toBe(abi.REASON_NONE);
    expect(proof("https://api.example/required/caf%c3%a9/%7ex")).toBe(abi.REASON_NONE);
    expect(proof("https://api.example/required/café/~x")).toBe(abi.REASON_PROOF_INVALID);
    expect(named("http://127.0.0.1:8787/required/things/1", { origin: "http://127.0.0.1:8787" })).toBe(abi.REASON_NONE);
    expect(named("http://a/required/things/1", { origin: "http://a:80" })).toBe(abi.REASON_NONE);
    expect(named("https://[2001:DB8::1]/required/things/1", { origin: "https://[2001:db8::1]" })).toBe(abi.REASON_NONE);
    expect(named(`https://api.example${path}`, { origin: `https://${"a".repeat(300)}` })).toBe(abi.REASON_PROOF_INVALID);
  });
});

describe("iat", () => {
  it.each([
    [-90, abi.REASON_NONE],
    [-91, abi.REASON_PROOF_INVALID],
    [-90.5, abi.REASON_PROOF_INVALID],
    [30, abi.REASON_NONE],
    [30.5, abi.REASON_PROOF_INVALID],
    [31, abi.REASON_PROOF_INVALID],
  ])("%i s from now: %i", (ahead, reason) => {
    expect(answer(proofOf(path, token, { iat: nowS + ahead }))).toBe(reason);
  });

  it.each([Number.NaN, -1, 0, 1e300, 2 ** 32, null, [nowS]])("%s is none", (iat) => {
    expect(answer(proofOf(path, token, { iat }))).toBe(abi.REASON_PROOF_INVALID);
  });
});

describe("a nonce", () => {
  const bound = boundToken("nonce", { jkt });
  const at = (seconds: number, nonce: unknown) =>
    gateway.dpop("/nonce", bound, proofOf("/nonce", bound, { nonce, iat: nowS + seconds }), { nowMs: (nowS + seconds) * 1000 });
  /** nowS is the first second of a period of 120. */
  const given = (seconds: number): string => {
    at(seconds, undefined);
    return gateway.nonce;
  };

  it("is taken in its period, the next, and one early, and replaced in the next", () => {
    const nonce = given(0);
    const seen = [-121, -120, -1, 0, 119, 120, 239, 240].map((seconds) => {
      const reason = at(seconds, nonce);
      return [seconds, reason, gateway.nonce === "" ? "" : gateway.nonce === nonce ? "same" : "new"];
    });
    expect(seen).toEqual([
      [-121, abi.REASON_NONCE_REQUIRED, "new"],
      [-120, abi.REASON_NONE, ""],
      [-1, abi.REASON_NONE, ""],
      [0, abi.REASON_NONE, ""],
      [119, abi.REASON_NONE, ""],
      [120, abi.REASON_NONE, "new"],
      [239, abi.REASON_NONE, "new"],
      [240, abi.REASON_NONCE_REQUIRED, "new"],
    ]);
  });

  it("is the same in every isolate of the deployment", async () => {
    const nonce = given(0);
    gateway = await PossessionGateway.start();
    expect(at(0, nonce)).toBe(abi.REASON_NONE);
  });

  it("is left out of the answer to a request that needs none", () => {
    expect(given(0)).not.toBe("");
    expect(answer(proofOf(path, token, { nonce: "theirs" }))).toBe(abi.REASON_NONE);
    expect(gateway.nonce).toBe("");
    given(0);
    gateway.gateway.decide({ path: "/../x" });
    expect(gateway.nonce).toBe("");
  });
});

describe.each(["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS384", "RS512"] as const)(
  "a key for %s",
  (algorithm: Algorithm) => {
    const key = newSigningKey(algorithm, "k");
    it("has the thumbprint that jose computes, whatever else stands in the header's jwk", async () => {
      const bound = boundToken("allowed", { jkt: await calculateJwkThumbprint(key.jwk as JWK) });
      const jwk = { use: "sig", alg: algorithm, kid: "any", ...key.jwk, key_ops: ["verify"] };
      const send = (proof: string) => gateway.dpop("/allowed", bound, proof);
      expect(send(proofOf("/allowed", bound, {}, { jwk }, key))).toBe(abi.REASON_NONE);
      const forged = proofOf("/allowed", bound, {}, {}, key);
      expect(send(`${forged.slice(0, -12)}${forged.at(-12) === "A" ? "B" : "A"}${forged.slice(-11)}`)).toBe(
        abi.REASON_PROOF_INVALID,
      );
    });
  },
);

describe("against a reference", () => {
  /** RFC 9449 §4.3 on jose, in the order of the text. */
  async function reference(proof: string, method: string, url: string): Promise<boolean> {
    try {
      const [head = ""] = proof.split(".");
      const header = JSON.parse(Buffer.from(head, "base64url").toString()) as { jwk: JWK; typ: unknown };
      const { payload, protectedHeader } = await compactVerify(proof, await importJWK(header.jwk, "ES256"), {
        algorithms: ["ES256"],
      });
      const claims = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
      const uri = (text: unknown) => {
        const { origin: base, pathname } = new URL(String(text));
        return base + decodeURIComponent(pathname);
      };
      const age = nowS - Number(claims.iat);
      return (
        protectedHeader.typ === "dpop+jwt" &&
        !("d" in header.jwk) &&
        (await calculateJwkThumbprint(header.jwk)) === jkt &&
        claims.htm === method &&
        uri(claims.htu) === uri(url) &&
        typeof claims.iat === "number" &&
        age <= 90 &&
        age >= -30 &&
        claims.ath === athOf(token) &&
        typeof claims.jti === "string" &&
        claims.jti !== ""
      );
    } catch {
      return false;
    }
  }

  const mostly = <T>(good: T, ...bad: unknown[]) =>
    fc.oneof({ weight: 12, arbitrary: fc.constant(good as unknown) }, { weight: 1, arbitrary: fc.constantFrom(...bad) });
  const other = newSigningKey("ES256", "o");

  it("accepts what it accepts, and nothing else", async () => {
    let accepted = 0;
    const claims = fc.record({
      htm: mostly("GET", "POST", "get", undefined, 1),
      htu: fc.oneof(
        {
          weight: 3,
          arbitrary: fc.constantFrom<unknown>(origin + path, `HTTPS://api.example:443${path}?x`, `${origin}/required/%74hings/1`),
        },
        { weight: 1, arbitrary: fc.constantFrom<unknown>(`${origin}/required`, "x", undefined, 1, `${origin}${path}/`) },
      ),
      iat: fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: nowS - 100, max: nowS + 40 }) },
        { weight: 1, arbitrary: fc.constantFrom<unknown>(undefined, "1", null) },
      ),
      ath: mostly(athOf(token), athOf("x"), undefined, "", `${athOf(token)}=`),
      jti: mostly("good", "", undefined, 3),
    });
    const header = fc.record({
      typ: mostly("dpop+jwt", "jwt", undefined, "DPOP+JWT"),
      jwk: mostly(signer.jwk, other.jwk, { ...signer.jwk, d: signer.jwk.x }, undefined, { ...signer.jwk, kid: "x", use: "sig" }),
    });
    await fc.assert(
      fc.asyncProperty(claims, header, fc.constantFrom(signer, signer, signer, other), async (drawnClaims, drawnHeader, key) => {
        const more = drawnClaims.jti === "good" ? { ...drawnClaims, jti: newJti() } : drawnClaims;
        const proof = proofOf(path, token, more, drawnHeader, key);
        const expected = await reference(proof, "GET", origin + path);
        accepted += Number(expected);
        expect(answer(proof)).toBe(expected ? abi.REASON_NONE : abi.REASON_PROOF_INVALID);
      }),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
