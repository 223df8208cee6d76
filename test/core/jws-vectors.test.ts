import { createHash, createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { compile } from "../../worker/policy/compile.ts";
import { hmacMidstates } from "../../worker/policy/midstate.ts";
import { parsePolicy } from "../../worker/policy/parse.ts";
import { newCore, sealImage, TestGateway } from "./core-fixture.ts";

const corpora = process.env.PICKET_CORPORA ?? "../shared/corpora";

interface Jwk {
  kty: string;
  alg?: string;
  kid?: string;
  k?: string;
}

/** Stands in for published keys, some of which a policy may not use: they follow a pattern. */
const STRONG = createHash("sha256").update("any").digest("base64url");

/** The image with another HMAC key in its one record. */
function withKey(image: Uint8Array, key: Uint8Array): Uint8Array {
  const { inner, outer } = hmacMidstates(key);
  const directory = abi.HEADER_SECTIONS + 8 * abi.SECTION_HMAC_KEYS;
  const record = new DataView(image.buffer, image.byteOffset).getUint32(directory, true);
  image.set(inner, record + abi.HMAC_KEY_INNER);
  image.set(outer, record + abi.HMAC_KEY_OUTER);
  return sealImage(image);
}

/** Answers REASON_* of a compact JWS under an HS256 key (RFC 7517 §4, RFC 7518 §6.4): the core knows no other algorithm. */
async function verifierOf({ kid, k = "" }: Jwk): Promise<(jws: string) => number> {
  const key = `{ ${kid === undefined ? "" : `kid: ${kid}, `}secret: env:KEY, encoding: base64url }`;
  const text = `
picket: 1
services:
  - { name: a, match: { path: / }, upstream: http://127.0.0.1:9000, auth: [a], operations: [GET /x] }
authenticators:
  - { name: a, type: jwt, issuer: any, audience: any, algorithms: [HS256], keys: [${key}] }
`;
  const parsed = await parsePolicy(text, 0);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const compilation = await compile(parsed.policy, { version: 1, seed: new Uint8Array(16), secretOf: () => STRONG });
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  const gateway = new TestGateway(newCore(), withKey(compilation.compiled.image, Buffer.from(k, "base64url")));
  return (jws) => {
    gateway.write({ credentials: [`Bearer ${jws}`] });
    return gateway.core.compact_verify(0, 0);
  };
}

describe("RFC 7515 appendix A.1", () => {
  const jws =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" +
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const k = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

  it("is verified, and no other is", async () => {
    const verify = await verifierOf({ kty: "oct", k });
    expect(verify(jws)).toBe(abi.REASON_NONE);
    for (let at = jws.lastIndexOf(".") + 1; at < jws.length; at++) {
      const other = jws[at] === "A" ? "Q" : "A";
      expect([at, verify(jws.slice(0, at) + other + jws.slice(at + 1))]).not.toEqual([at, abi.REASON_NONE]);
    }
  });
});

describe("compact_verify", () => {
  const k = createHash("sha256").update("compact").digest();
  const jwk = { kty: "oct", k: k.toString("base64url") };
  const sign = (header: string, payload: string) => {
    const input = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`;
    return `${input}.${createHmac("sha256", k).update(input).digest("base64url")}`;
  };

  it.each(["", "x", '{"iss":5}', '{"exp":1}', "[[[[[[[[[[[[", "\0\xff"])("takes any payload: %j", async (payload) => {
    expect((await verifierOf(jwk))(sign('{"alg":"HS256"}', payload))).toBe(abi.REASON_NONE);
  });

  it("judges the header as for any token, and knows when there is nothing to judge", async () => {
    const verify = await verifierOf(jwk);
    expect(verify(sign('{"alg":"HS384"}', "x"))).toBe(abi.REASON_ALGORITHM_REFUSED);
    expect(verify(sign('{"alg":"HS256","crit":["b64"],"b64":false}', "x"))).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(verify("")).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(newCore().compact_verify(0, 0)).toBe(abi.REASON_POLICY_MISSING);
  });
});

describe("Wycheproof", () => {
  interface Group {
    private?: Jwk;
    tests: { tcId: number; comment: string; jws: string; result: "valid" | "invalid" }[];
  }

  // Where the core does otherwise than published, and why.
  const exceptions: Record<number, { verdict: "accepted" | "refused"; because: string }> = {
    367: { verdict: "accepted", because: "the same bytes as the valid 357: its padding was lost before it was published" },
    370: { verdict: "accepted", because: "the same bytes as the valid 357: its padding was lost before it was published" },
    372: { verdict: "refused", because: "a '?' in the header: RFC 7515 §2 allows no character outside the alphabet" },
    373: { verdict: "refused", because: "a '?' in the payload: RFC 7515 §2 allows no character outside the alphabet" },
  };

  const file = join(corpora, "wycheproof/json_web_signature_test.json");
  const isThere = existsSync(file);
  if (!isThere) process.stderr.write("no corpus wycheproof: 40 HS256 signatures are not judged\n");
  const groups = isThere ? (JSON.parse(readFileSync(file, "utf8")) as { testGroups: Group[] }).testGroups : [];
  const ofHs256 = groups.filter((group) => group.private?.kty === "oct" && group.private.alg === "HS256");

  it.skipIf(!isThere)("HS256 vectors are judged as published, but for four that say why not", async () => {
    const wrong: string[] = [];
    let judged = 0;
    for (const { private: jwk, tests } of ofHs256) {
      const verify = await verifierOf(jwk as Jwk);
      for (const { tcId, comment, jws, result } of tests) {
        const verdict = verify(jws) === abi.REASON_NONE ? "accepted" : "refused";
        const expected = exceptions[tcId]?.verdict ?? (result === "valid" ? "accepted" : "refused");
        if (verdict !== expected) wrong.push(`${tcId} ${comment}: ${verdict}, published as ${result}`);
        judged++;
      }
    }
    expect(wrong).toEqual([]);
    expect(judged).toBe(40);
  });

  it.skipIf(!isThere)("vectors 367 and 370 are refused as they were meant, with padding", async () => {
    const tests = ofHs256.flatMap((group) => group.tests);
    const [valid, ...twins] = [357, 367, 370].map((tcId) => tests.find((test) => test.tcId === tcId)?.jws ?? "");
    expect(twins).toEqual([valid, valid]);
    const verify = await verifierOf(ofHs256.at(-1)?.private as Jwk);
    const [header, payload, signature] = (valid as string).split(".");
    expect(verify(`${header}.${payload}.${signature}`)).toBe(abi.REASON_NONE);
    for (const padded of [`${header}=.${payload}.${signature}`, `${header}.${payload}==.${signature}`, `${valid}=`]) {
      expect([padded, verify(padded)]).toEqual([padded, abi.REASON_TOKEN_MALFORMED]);
    }
  });
});

describe("RFC 7520 §4", () => {
  interface Example {
    input: { payload: string; key?: Jwk | Jwk[] };
    output: { compact?: string; json: { payload?: string; signatures: { protected?: string; signature: string }[] } };
  }

  const names = [
    "4_4.hmac-sha2_integrity_protection",
    "4_5.signature_with_detached_content",
    "4_6.protecting_specific_header_fields",
    "4_7.protecting_content_only",
    "4_8.multiple_signatures",
  ];
  const folder = join(corpora, "jwt/cookbook-jws");
  const isThere = existsSync(folder);
  if (!isThere) process.stderr.write(`no corpus jwt/cookbook-jws: ${names.length} HS256 examples are not judged\n`);

  it.skipIf(!isThere).each(names)("%s: a protected HS256 header is verified, an unprotected one is not", async (name) => {
    const { input, output } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Example;
    const key = [input.key ?? []].flat().find(({ kty }) => kty === "oct") as Jwk;
    const signature = output.json.signatures.at(-1);
    // Detached content (§4.5) comes back into its place; a header without protection cannot be in compact form (§4.7).
    const jws = `${signature?.protected ?? ""}.${Buffer.from(input.payload).toString("base64url")}.${signature?.signature}`;
    if (name.startsWith("4_4")) expect(jws).toBe(output.compact);
    const expected = name.startsWith("4_7") ? abi.REASON_TOKEN_MALFORMED : abi.REASON_NONE;
    expect((await verifierOf(key))(jws)).toBe(expected);
  });
});
