import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import * as abi from "../../wasm/abi.ts";
import { newCore } from "./core-fixture.ts";
import { hs256Judge } from "./hs256-verifier.ts";
import { hs256Example } from "./vectors/rfc-examples.ts";

describe("RFC 7515 appendix A.1", () => {
  const { jwk, jws } = hs256Example;

  it("is verified, and no other is", async () => {
    const verify = await hs256Judge(jwk);
    expect(verify(jws)).toBe(abi.REASON_NONE);
    for (let at = jws.lastIndexOf(".") + 1; at < jws.length; at++) {
      const other = jws[at] === "A" ? "Q" : "A";
      expect([at, verify(jws.slice(0, at) + other + jws.slice(at + 1))]).not.toEqual([at, abi.REASON_NONE]);
    }
  });

  it("is refused with padding: one value has one spelling", async () => {
    const verify = await hs256Judge(jwk);
    const [header, payload, signature] = jws.split(".");
    for (const padded of [`${header}=.${payload}.${signature}`, `${header}.${payload}==.${signature}`, `${jws}=`]) {
      expect([padded, verify(padded)]).toEqual([padded, abi.REASON_TOKEN_MALFORMED]);
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
    expect((await hs256Judge(jwk))(sign('{"alg":"HS256"}', payload))).toBe(abi.REASON_NONE);
  });

  it("judges the header as for any token, and knows when there is nothing to judge", async () => {
    const verify = await hs256Judge(jwk);
    expect(verify(sign('{"alg":"HS384"}', "x"))).toBe(abi.REASON_ALGORITHM_REFUSED);
    expect(verify(sign('{"alg":"HS256","crit":["b64"],"b64":false}', "x"))).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(verify("")).toBe(abi.REASON_TOKEN_MALFORMED);
    expect(newCore().compact_verify(0, 0)).toBe(abi.REASON_POLICY_MISSING);
  });
});
