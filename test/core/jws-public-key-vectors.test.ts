import { describe, expect, it } from "vitest";
import { publicKeyExamples } from "./vectors/rfc-examples.ts";
import { verifyJws } from "./verify-jws.ts";

describe("RFC 7515 appendix A and RFC 8037 appendix A.4", () => {
  it.each(publicKeyExamples)("%s: is verified, and no signature with another byte is", async (_, jwk, jws) => {
    expect(await verifyJws(jws, jwk)).toBe(true);
    expect(await verifyJws(jws, jwk, ["HS256", "HS384"])).toBe(false);
    const dot = jws.lastIndexOf(".");
    const signature = Buffer.from(jws.slice(dot + 1), "base64url");
    for (let at = 0; at < signature.length; at += 7) {
      const other = Buffer.from(signature);
      other[at] = (other[at] ?? 0) ^ 1;
      expect([at, await verifyJws(jws.slice(0, dot + 1) + other.toString("base64url"), jwk)]).toEqual([at, false]);
    }
  });
});
